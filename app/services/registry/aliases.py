"""Names for versions: each move is a row of a ledger that only grows; protected names move by promotion alone."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.ids import Ref, is_name
from app.services.registry.packages import find_version
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Alias, AliasMove, Deployment, Model, ModelVersion

CHAMPION, PREVIOUS = "champion", "previous"
OURS = (CHAMPION, PREVIOUS, "production", "staging", "archived", "none")
"""Names that a person cannot move: two aliases that promotions keep, and the words of the stages."""


@dataclass(frozen=True)
class Moved:
    """An alias that moved; None stands for no version."""

    model: str
    alias: str
    before: int | None
    after: int | None

    @property
    def says(self) -> str:
        """One line for a person."""
        was, is_now = (f"v{one}" if one is not None else "nothing" for one in (self.before, self.after))
        return f"{self.model}@{self.alias}: {was} → {is_now}"


def point(
    store: Store, model: str, alias: str, version: int | None, *, by: str, reason: str = "", protect: bool = False
) -> Moved:
    """Point an alias at a version, or at none; `protect` hands it to promotions, which move it from then on.

    Raises BadInput for a name that cannot be one, Refused for a protected alias, NotFound for a version or an alias
    that is not there.
    """
    if not is_name(alias):
        raise BadInput(
            f"{alias!r} cannot be an alias: lower-case letters, digits, - and _, letter first",
            where="ALIAS",
            next_step=f"trainmaster models alias {model} canary-eu VERSION",
        )
    if alias in OURS:
        raise _protected(model, alias)
    moment = now()
    with store.write(durable=True) as session:
        target = find_version(session, model, version) if version is not None else None
        owner = session.execute(select(Model).where(col(Model.name) == model)).scalar()
        if owner is None or owner.id is None:
            raise NotFound(f"there is no model {model!r}", next_step="trainmaster models ls")
        known = session.get(Alias, (owner.id, alias))
        if known is not None and known.protected:
            raise _protected(model, alias)
        if known is None and target is None:
            raise NotFound(f"{model} has no alias {alias!r}", next_step=f"trainmaster models aliases {model}")
        before = session.get(ModelVersion, known.version_id) if known is not None else None
        move(session, owner.id, alias, target, by=by, reason=reason, now=moment, protected=protect)
        done = Moved(model, alias, before.version if before else None, target.version if target else None)
        audit.record(
            session,
            actor=by,
            action="alias.moved",
            subject=str(Ref("model", f"{model}/{version}")) if version is not None else f"alias:{model}/{alias}",
            now=moment,
            reason=reason,
            details={"alias": alias, "from": done.before, "to": done.after, "protected": protect},
        )
    return done


def move(
    session: Session,
    model_id: int,
    alias: str,
    target: ModelVersion | None,
    *,
    by: str,
    reason: str,
    now: datetime,
    protected: bool,
) -> None:
    """Move an alias in the transaction of `session`, and write it into the ledger; one that stands there stays."""
    known = session.get(Alias, (model_id, alias))
    before, after = (known.version_id if known is not None else None), (target.id if target is not None else None)
    if before == after and (known is None or known.protected == protected):
        return
    if after is None and known is not None:
        session.delete(known)
    elif after is not None and known is None:
        session.add(Alias(model_id=model_id, alias=alias, version_id=after, protected=protected, changed_at=now))
    elif after is not None and known is not None:
        known.version_id, known.protected, known.changed_at = after, protected, now
        session.add(known)
    ledger = AliasMove(
        model_id=model_id, alias=alias, from_id=before, to_id=after, actor=by, reason=reason, created_at=now
    )
    session.add(ledger)
    session.flush()


def follow(
    session: Session, target: ModelVersion, deployment: Deployment, *, by: str, reason: str, now: datetime
) -> None:
    """After production changed: `champion` and protected aliases follow it, `previous` names the way back."""
    owned = select(Alias).where(col(Alias.model_id) == target.model_id, col(Alias.protected).is_(True))
    names = {CHAMPION, *(row.alias for row in session.execute(owned).scalars())} - {PREVIOUS}
    for alias in sorted(names):
        move(session, target.model_id, alias, target, by=by, reason=reason, now=now, protected=True)
    last = session.get(Deployment, deployment.previous_id) if deployment.previous_id is not None else None
    back = session.get(ModelVersion, last.version_id) if last is not None else None
    move(session, target.model_id, PREVIOUS, back, by=by, reason=reason, now=now, protected=True)


def _protected(model: str, alias: str) -> Refused:
    return Refused(
        f"{alias} of {model} is protected: a promotion moves it, and nothing else",
        next_step=f"trainmaster models promote {model} VERSION --reason REASON --confirm {model}",
    )


__all__ = ["CHAMPION", "PREVIOUS", "Moved", "follow", "move", "point"]
