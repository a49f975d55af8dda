"""What became of a retrain: its challenger won or failed, and goes up when the policy may decide that."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import TrainmasterError
from app.domain.ids import Ref
from app.domain.policy import settle as judge
from app.domain.states import RunState, Stage
from app.domain.workspace import Workspace
from app.services import registry
from app.services.workspaces import now, open_project
from app.store import audit
from app.store.engine import Store
from app.store.lineage import link
from app.store.tables import Decision, GateResult, Model, ModelVersion, Project, Run

POLICY = "policy"


@dataclass(frozen=True)
class Settled:
    """A decision whose run has ended; `deploy` is the key of the run that puts a winner into production."""

    decision: str
    project: str
    model: str | None
    version: int | None
    won: bool | None
    says: str
    deploy: str | None = None


def settle(store: Store, workspace: Workspace, *, ask: bool = True) -> list[Settled]:
    """Judge the challengers of decisions whose runs have ended, once each; it may be repeated and killed anywhere.

    With `feedback.promote = "policy"` a winner's promotion is asked for as a person's would be, by "policy": every
    gate is checked again there. Without `ask` no promotion is asked for.
    """
    with store.read() as session:
        waiting = session.execute(
            select(col(Decision.key), col(Project.name))
            .join(Run, col(Run.id) == col(Decision.run_id))
            .join(Project, col(Project.id) == col(Decision.project_id))
            .where(
                col(Decision.retrain),
                col(Decision.settled_at).is_(None),
                col(Run.state).in_((RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)),
            )
            .order_by(col(Decision.id))
        ).all()
    return [_settle_one(store, workspace, str(key), str(project), ask=ask) for key, project in waiting]


def _settle_one(store: Store, workspace: Workspace, key: str, project: str, *, ask: bool) -> Settled:
    with store.read() as session:
        decision = session.execute(select(Decision).where(col(Decision.key) == key)).scalar_one()
        run = session.get(Run, decision.run_id)
        assert run is not None
        found = _judged(session, run)
        state = run.state
    if found is None:
        won = None if state is RunState.CANCELLED else False
        settled = Settled(key, project, None, None, won, f"run {run.key} {state}: it registered no version")
    else:
        version, model, failing, says = found
        verdict = judge(failing, says)
        settled = Settled(key, project, model, version.version, verdict.retrain, verdict.reason)
        if ask and verdict.retrain and version.stage is Stage.STAGING:
            settled = _promote(store, workspace, settled)
    _write(store, settled)
    return settled


def _judged(session: Session, run: Run) -> tuple[ModelVersion, str, tuple[str, ...], str] | None:
    """The version of a run, its model, the gates that fail, and what the exam against production said."""
    row = session.execute(
        select(ModelVersion, col(Model.name))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(ModelVersion.run_id) == run.id)
        .order_by(col(ModelVersion.id).desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    gates = session.execute(select(GateResult).where(col(GateResult.version_id) == row[0].id)).scalars().all()
    failing = tuple(sorted(gate.gate for gate in gates if not gate.passed))
    says = next((gate.says for gate in gates if gate.gate == "production"), "")
    return row[0], str(row[1]), failing or (() if gates else ("no gate report",)), says


def _promote(store: Store, workspace: Workspace, settled: Settled) -> Settled:
    """Ask for the promotion when the policy may; a refusal (approvals, another promotion) leaves it to a person."""
    if open_project(workspace, settled.project).file.feedback.promote != POLICY:
        return settled
    assert settled.model is not None
    assert settled.version is not None
    try:
        asked = registry.promote(
            store,
            settled.project,
            settled.model,
            settled.version,
            by=POLICY,
            reason=f"decision {settled.decision}: {settled.says}"[:500],
            typed_name=settled.model,
        )
    except TrainmasterError as error:
        says = f"{settled.says}; it waits for a person: {error.message}"
        return Settled(settled.decision, settled.project, settled.model, settled.version, True, says)
    return Settled(
        settled.decision, settled.project, settled.model, settled.version, True, settled.says, deploy=asked.run
    )


def _write(store: Store, settled: Settled) -> None:
    moment = now()
    with store.write(durable=True) as session:
        decision = session.execute(select(Decision).where(col(Decision.key) == settled.decision)).scalar_one()
        if decision.settled_at is not None:
            return
        decision.won, decision.outcome, decision.settled_at = settled.won, settled.says[:2000], moment
        session.add(decision)
        if settled.model is not None:
            node = Ref("model", f"{settled.model}/{settled.version}")
            link(session, [(Ref("decision", settled.decision), node, "won" if settled.won else "refused")], now=moment)
        audit.record(
            session, actor=POLICY, action="retrain.settled", subject=f"decision:{settled.decision}", now=moment,
            reason=settled.says[:500], details={"won": settled.won, "version": settled.version},
        )  # fmt: skip


__all__ = ["Settled", "settle"]
