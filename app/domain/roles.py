"""The seven roles of the reference architecture (Kreuzberger, Kühl, Hirschl 2023), and what each of them may do."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from app.domain.errors import Refused


class Role(StrEnum):
    """Who somebody acts as: R1 to R7."""

    STAKEHOLDER = "R1"
    ARCHITECT = "R2"
    DATA_SCIENTIST = "R3"
    DATA_ENGINEER = "R4"
    SOFTWARE_ENGINEER = "R5"
    DEVOPS = "R6"
    ML_ENGINEER = "R7"

    @property
    def words(self) -> str:
        """The role in words.

        >>> Role.DATA_ENGINEER.words
        'data engineer'
        """
        return _TITLES[self]


_TITLES = {
    Role.STAKEHOLDER: "business stakeholder",
    Role.ARCHITECT: "solution architect",
    Role.DATA_SCIENTIST: "data scientist",
    Role.DATA_ENGINEER: "data engineer",
    Role.SOFTWARE_ENGINEER: "software engineer",
    Role.DEVOPS: "DevOps engineer",
    Role.ML_ENGINEER: "ML engineer",
}


class Permission(StrEnum):
    """What a person must be allowed to do before an action runs."""

    VIEW = "view"
    CHARTER = "charter"
    DATA = "data"
    OPERATE = "operate"
    CI = "ci"
    APPROVE = "approve"
    PROMOTE = "promote"
    SERVICES = "services"


R1, R2, R3, R4, R5, R6, R7 = Role
MATRIX: dict[Permission, frozenset[Role]] = {
    Permission.VIEW: frozenset(Role),
    Permission.CHARTER: frozenset({R1, R2, R3, R4, R7}),
    Permission.DATA: frozenset({R3, R4, R7}),
    Permission.OPERATE: frozenset({R3, R4, R5, R6, R7}),
    Permission.CI: frozenset({R3, R4, R5, R6, R7}),
    Permission.APPROVE: frozenset({R1, R2, R3, R6, R7}),
    Permission.PROMOTE: frozenset({R6, R7}),
    Permission.SERVICES: frozenset({R2, R6, R7}),
}
"""Who may do what: the one matrix that services enforce, and that command line and control room ask beforehand."""


def may(roles: Iterable[Role], needs: Permission) -> bool:
    """Whether one of the roles is allowed something.

    >>> may([Role.DATA_SCIENTIST], Permission.PROMOTE), may([Role.ML_ENGINEER], Permission.PROMOTE)
    (False, True)
    """
    return bool(MATRIX[needs].intersection(roles))


def require(person: str, roles: Collection[Role], needs: Permission, act: str) -> None:
    """Raise Refused naming the roles that may, and the next command.

    >>> require("ana", [Role.ML_ENGINEER], Permission.PROMOTE, "promote")
    """
    if may(roles, needs):
        return
    allowed = ", ".join(f"{role} ({role.words})" for role in sorted(MATRIX[needs]))
    mine = ", ".join(sorted(roles)) or "no role"
    raise Refused(
        f"{person} has {mine}: {act} needs {allowed}",
        where="[people] in trainmaster.toml",
        next_step="trainmaster people, which says who may; [people] in trainmaster.toml gives roles",
    )


COMMANDS: dict[str, Permission] = {
    **dict.fromkeys(
        ("data secret", "data receive", "data ingest", "data import", "data quarantine repair", "data test",
         "data quarantine release", "data quarantine reject", "data tickets take", "data tickets resolve"),
        Permission.DATA,
    ),
    **dict.fromkeys(("data agree", "data tickets open"), Permission.CHARTER),
    **dict.fromkeys(
        ("features build", "features compact", "features prune", "features test", "features materialize",
         "features verify-skew", "features training-set create", "train ablate", "train run", "train search",
         "runs cancel", "runs reproduce", "runs note", "runs tag", "runs archive", "runs baseline", "runs import",
         "predict record", "predict entity", "predict batch", "monitor run", "monitor backtest", "monitor calibrate",
         "alerts ack", "alerts mute", "alerts resolve", "alerts assign", "models test", "models export", "replay",
         "serve export"),
        Permission.OPERATE,
    ),
    **dict.fromkeys(("ci run", "ci install-hook", "ci sample"), Permission.CI),
    **dict.fromkeys(("models approve", "models waive"), Permission.APPROVE),
    **dict.fromkeys(
        ("models promote", "models rollback", "models undo", "models alias", "models stage"), Permission.PROMOTE
    ),
    **dict.fromkeys(
        ("up", "down", "store backup", "store restore", "store export", "store gc"), Permission.SERVICES
    ),
}  # fmt: skip
"""Command -> what it needs; a command that is not named here changes nothing and asks to see alone."""

ACTS: dict[str, Permission] = {
    **dict.fromkeys(
        ("data.secret_set", "data.imported", "data.row_repaired", "data.rows_revealed", "data.rows_released",
         "data.rows_rejected", "data.ticket_taken", "data.ticket_resolved", "data.ticket_declined"),
        Permission.DATA,
    ),
    **dict.fromkeys(("data.requirement_agreed", "data.ticket_opened"), Permission.CHARTER),
    **dict.fromkeys(
        ("run.requested", "run.noted", "run.tagged", "run.archived", "run.restored", "baseline.pinned",
         "baseline.unpinned", "runs.imported", "training_set.created", "features.compacted", "features.pruned",
         "monitor.calibrated", "limit.set", "alert.acknowledged", "alert.muted", "alert.resolved", "alert.assigned",
         "feedback.acknowledged", "feedback.resolved", "feedback.reset", "gates.judged", "model.exported"),
        Permission.OPERATE,
    ),
    **dict.fromkeys(("model.approved", "gate.waived"), Permission.APPROVE),
    **dict.fromkeys(
        ("promotion.requested", "model.promoted", "model.rolled_back", "model.change_undone", "model.staged",
         "alias.moved"),
        Permission.PROMOTE,
    ),
    "store.collected": Permission.SERVICES,
}  # fmt: skip
"""What a person does, in the words of the audit log -> what it needs; other events are written by runs and services."""

PROGRAM = frozenset({"gateway", "policy", "trainmaster"})
"""Names under which the program itself acts; no person has one of them."""

__all__ = ["ACTS", "COMMANDS", "MATRIX", "PROGRAM", "Permission", "Role", "may", "require"]
