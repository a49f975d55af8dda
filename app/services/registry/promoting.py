"""Promotion: what would change, and the request for it when the rules allow."""

import json
import shlex
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.gates import GateVerdict
from app.domain.project.serving import Serving
from app.domain.states import AlertState, CauseKind, RunState, Stage
from app.services.registry.packages import find_project, find_version, production_version
from app.services.registry.standing import is_stale, standing
from app.services.registry.switching import require_expected
from app.services.workspaces import now
from app.store import audit, leases, ledger, permits
from app.store.columns import join_number
from app.store.engine import Store
from app.store.tables import Alert, CharterVersion, Metric, ModelVersion, Run


@dataclass(frozen=True)
class OpenAlert:
    """An alert that is not resolved; it does not block a promotion."""

    key: str
    signal: str
    severity: str
    says: str


@dataclass(frozen=True)
class PromotionPlan:
    """All that a person sees before saying yes; `refusals` says why it cannot be, empty when it can.

    `production_metrics` are those of the version that was in production when this one was trained, on the same rows.
    """

    project: str
    model: str
    version: int
    stage: str
    replaces: int | None
    changes: tuple[str, ...]
    gates: tuple[GateVerdict, ...]
    metrics: dict[str, float]
    production_metrics: dict[str, float]
    open_alerts: tuple[OpenAlert, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]
    undo: str
    command: str
    approvals: str = ""
    """How many of how many people said yes, and who; empty when the charter asks for nobody."""
    attempt: int | None = None

    @property
    def allowed(self) -> bool:
        """Whether the rules let it happen."""
        return not self.refusals

    def require(self) -> None:
        """Raise Refused with the first reason against it."""
        if self.refusals:
            raise Refused(self.refusals[0], next_step=f"trainmaster models show {self.model} {self.version}")


@dataclass(frozen=True)
class PromotionRequested:
    """The `deploy` run that was asked for; `run` is its key."""

    run: str
    model: str
    version: int
    replaces: int | None
    by: str
    reason: str


def plan_promotion(store: Store, project: str, model: str, version: int) -> PromotionPlan:
    """What a promotion would change, its gates, open alerts, undo and command; raises NotFound."""
    with store.read() as session:
        return plan_in(session, project, model, version)


def plan_in(session: Session, project: str, model: str, version: int) -> PromotionPlan:
    """`plan_promotion` within a session."""
    row = find_project(session, project)
    wanted = find_version(session, model, version)
    current = production_version(session, model)
    replaces = current.version if current else None
    gates = standing(session, wanted, now=now())
    undo = (
        f"trainmaster models rollback {model} (puts v{replaces} back)"
        if current
        else "nothing was in production before: there is no version to go back to"
    )
    return PromotionPlan(
        project=project,
        model=model,
        version=version,
        stage=str(wanted.stage),
        replaces=replaces,
        changes=_changes(model, version, replaces, _serving(session, row.id or 0)),
        gates=gates,
        metrics=_metrics(session, wanted.run_id),
        production_metrics=_metrics(session, wanted.run_id, "production."),
        open_alerts=_alerts(session, row.id or 0),
        notes=_notes(model, wanted, current, gates),
        refusals=_refusals(model, wanted, gates),
        undo=undo,
        command=shlex.join(
            ["trainmaster", "models", "promote", model, str(version), "--reason", "REASON", "--confirm", model]
        ),
        approvals=next((gate.says for gate in gates if gate.gate == "approvals"), ""),
        attempt=next((gate.attempt for gate in gates if gate.gate == "production"), None),
    )


def promote(
    store: Store, project: str, model: str, version: int, *, by: str, reason: str, typed_name: str
) -> PromotionRequested:
    """Ask for the `deploy` run of a version, when every rule allows it.

    Raises Refused for a typed name that is not the model's, an empty reason, or gates that did not pass (named);
    nothing is written then. The run checks the same rules again before it switches.
    """
    require_words(model, by=by, reason=reason, typed_name=typed_name)
    with store.write(durable=True) as session:
        permits.require(session, by, "promotion.requested")
        plan = plan_in(session, project, model, version)
        plan.require()
        _refuse_pending(session, project, model)
        moment = now()
        run = ledger.request_run(
            session,
            flow="deploy",
            project_id=find_project(session, project).id or 0,
            requested_by=by,
            now=moment,
            cause=CauseKind.PERSON,
            parameters={"model": model, "version": version, "reason": reason, "by": by, "expected": plan.replaces},
        )
        run.next_step = "trainmaster up"  # until the orchestrator has it
        audit.record(
            session,
            actor=by,
            action="promotion.requested",
            subject=f"model:{model}/{version}",
            now=moment,
            reason=reason,
            details={"run": run.key, "from": plan.replaces, "to": version},
        )
        key = run.key
    return PromotionRequested(key, model, version, plan.replaces, by, reason)


def require_words(model: str, *, by: str, reason: str, typed_name: str) -> None:
    """Raise Refused when the name was not typed, or when nobody or no reason stands for the act."""
    next_step = f"trainmaster models promote {model} VERSION --reason REASON --confirm {model}"
    if typed_name != model:
        raise Refused(f"the typed name is not {model}", next_step=next_step)
    if not reason.strip():
        raise Refused("a promotion needs a reason", next_step=next_step)
    if not by.strip():
        raise Refused("a promotion needs somebody who acts", next_step=next_step)


def require_plan(session: Session, project: str, model: str, version: int, expected: int | None) -> PromotionPlan:
    """The plan, when the rules allow it and production is still what was expected; raises Refused."""
    plan = plan_in(session, project, model, version)
    require_expected(production_version(session, model), expected, model)
    plan.require()
    return plan


def _refuse_pending(session: Session, project: str, model: str) -> None:
    statement = (
        select(Run)
        .where(col(Run.flow) == "deploy", col(Run.project_id) == find_project(session, project).id)
        .where(col(Run.state).in_([RunState.REQUESTED, RunState.RUNNING]))
        .order_by(col(Run.id))
    )
    for pending in session.execute(statement).scalars():
        if pending.state is RunState.RUNNING:
            lease = leases.find(session, ledger.RUN_LEASE, pending.key)
            if lease is None or not leases.is_live(lease, now()):
                continue  # its process is gone; the reconciler will say so
        raise Refused(
            f"run {pending.key} is about to change production of {model} already (asked for by {pending.requested_by})",
            next_step=f"trainmaster runs show {pending.key}",
        )


def _serving(session: Session, project_id: int) -> Serving:
    """`[serving]` of the newest charter that the store knows."""
    statement = (
        select(col(CharterVersion.document))
        .where(col(CharterVersion.project_id) == project_id)
        .order_by(col(CharterVersion.version).desc())
        .limit(1)
    )
    document = session.execute(statement).scalar()
    return Serving.model_validate(json.loads(document).get("serving", {}), strict=False) if document else Serving()


def _changes(model: str, version: int, replaces: int | None, serving: Serving) -> tuple[str, ...]:
    before = f"v{replaces}" if replaces is not None else "nothing"
    lines = [
        f"production of {model}: {before} → v{version}, and with it the alias champion",
        "requests are answered by it within a second or two",
    ]
    if replaces is not None:
        lines += [f"v{replaces} is archived and kept", *serving.steps]
    return tuple(lines)


def _refusals(model: str, version: ModelVersion, gates: tuple[GateVerdict, ...]) -> tuple[str, ...]:
    reasons = []
    if version.stage is Stage.PRODUCTION:
        reasons.append(f"{model} v{version.version} is in production already")
    if not gates:
        reasons.append(f"{model} v{version.version} has no gate report")
    if version.stage is Stage.NONE:
        reasons.append(f"{model} v{version.version} is in no stage: trainmaster models stage {model} {version.version}")
    failed = [f"{gate.gate} ({gate.says})" for gate in gates if not gate.holds]
    if failed:
        reasons.append(f"{model} v{version.version} did not pass: {'; '.join(failed)}")
    return tuple(reasons)


def _notes(
    model: str, version: ModelVersion, current: ModelVersion | None, gates: tuple[GateVerdict, ...]
) -> tuple[str, ...]:
    if current is None:
        return ()
    notes = []
    if current.version > version.version:
        notes.append(f"v{version.version} is older than v{current.version} in production")
    if is_stale(gates, f"{model}/{current.version}"):
        again = "the deploy flow judges them again first" if version.judged_on else "they cannot be judged again"
        notes.append(f"its gates were judged before v{current.version} was promoted; {again}")
    return tuple(notes)


def _metrics(session: Session, run_id: int, prefix: str = "") -> dict[str, float]:
    """The run's metrics under a prefix, all on its own test rows: numbers of two windows are not comparable."""
    rows = session.execute(select(Metric).where(col(Metric.run_id) == run_id)).scalars()
    found = {row.key: join_number(row.value, row.special) for row in rows if row.key.startswith(prefix)}
    return {key[len(prefix) :]: value for key, value in found.items() if "." not in key[len(prefix) :]}


def _alerts(session: Session, project_id: int) -> tuple[OpenAlert, ...]:
    rows = session.execute(
        select(Alert)
        .where(col(Alert.project_id) == project_id, col(Alert.state) != AlertState.RESOLVED)
        .order_by(col(Alert.id))
    ).scalars()
    return tuple(OpenAlert(row.key, row.signal, str(row.severity), row.says) for row in rows)
