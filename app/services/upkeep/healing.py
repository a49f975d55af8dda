"""The reconciler: what died without a word is said to have died."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlmodel import Session, col

from app.domain.states import DeploymentState, RunState
from app.services.serving import rollouts
from app.services.workspaces import now as clock
from app.store import audit, leases, ledger
from app.store.engine import Store
from app.store.tables import Deployment, Lease, Run

ACTOR = "trainmaster"


@dataclass(frozen=True)
class Healed:
    """Something whose row said it lived: a run, a deployment or a rollout, and why it does not."""

    thing: str
    says: str


def heal(store: Store, *, now: datetime | None = None) -> list[Healed]:
    """End runs whose process is gone, with their tasks, and deployments whose run is; a second call does nothing.

    Runs become `crashed`, deployments that were being built become `failed`; rollouts end whose time is over. Each has
    one audit event. The look is a read; only when something is wrong is there a write, in which everything is looked at
    again.
    """
    moment = now or clock()
    with store.read() as session:
        wrong = _dead_runs(session, moment) or _orphans(session, moment) or rollouts.overdue(session, moment)
        if not wrong and not _old_leases(session):
            return []
    with store.write(durable=True) as session:
        healed = [_end_run(session, run, lease, moment) for run, lease in _dead_runs(session, moment)]
        healed += [_end_deployment(session, deployment, moment) for deployment in _orphans(session, moment)]
        healed += [Healed(*one) for one in rollouts.end_overdue(session, moment, by=ACTOR)]
        old = _old_leases(session)
        if old:
            session.connection().execute(delete(Lease).where(col(Lease.id).in_(old)))
    return healed


def _dead_runs(session: Session, now: datetime) -> list[tuple[Run, Lease | None]]:
    running = session.execute(select(Run).where(col(Run.state) == RunState.RUNNING).order_by(col(Run.id))).scalars()
    found = [(run, leases.find(session, ledger.RUN_LEASE, run.key)) for run in running.all()]
    return [(run, lease) for run, lease in found if lease is None or not leases.is_live(lease, now)]


def _end_run(session: Session, run: Run, lease: Lease | None, now: datetime) -> Healed:
    who = f"process {lease.pid}" if lease else "its process"
    says = f"{who} ended without a word"
    begun = run.started_at or run.requested_at
    seen = lease.expires_at - timedelta(seconds=leases.LEASE_S) if lease else now
    ledger.finish_run(
        session,
        run,
        RunState.CRASHED,
        now=now,
        duration_s=max((min(seen, now) - begun).total_seconds(), 0.0),
        error=says,
        next_step=f"trainmaster runs logs {run.key}",
    )
    audit.record(session, actor=ACTOR, action="run.crashed", subject=f"run:{run.key}", now=now, reason=says)
    return Healed(f"run:{run.key}", says)


def _orphans(session: Session, now: datetime) -> list[Deployment]:
    """Deployments that are being built by no living run."""
    building = session.execute(
        select(Deployment, Run)
        .join(Run, col(Run.id) == col(Deployment.run_id), isouter=True)
        .where(col(Deployment.state) == DeploymentState.BUILDING)
        .order_by(col(Deployment.id))
    ).all()
    orphans = []
    for deployment, run in building:
        lease = leases.find(session, ledger.RUN_LEASE, run.key) if run and not run.state.ended else None
        if lease is None or not leases.is_live(lease, now):
            orphans.append(deployment)
    return orphans


def _end_deployment(session: Session, deployment: Deployment, now: datetime) -> Healed:
    says = "its run ended before it was ready; what served before still serves"
    deployment.state, deployment.verdict, deployment.changed_at = DeploymentState.FAILED, says, now
    session.add(deployment)
    thing = f"deployment:{deployment.key}"
    audit.record(session, actor=ACTOR, action="deployment.failed", subject=thing, now=now, reason=says)
    return Healed(thing, says)


def _old_leases(session: Session) -> list[int]:
    """Leases of runs that have ended."""
    ended = [state for state in RunState if state.ended]
    statement = (
        select(col(Lease.id))
        .join(Run, col(Run.key) == col(Lease.key))
        .where(col(Lease.kind) == ledger.RUN_LEASE, col(Run.state).in_(ended))
    )
    return [number for number in session.execute(statement).scalars() if number is not None]
