"""A candidate beside production: the row that the gateway follows, the wait for its verdict, and what was seen."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.errors import Busy, NotFound
from app.domain.ids import Ref, new_key
from app.domain.project.serving import Serving
from app.domain.rollout import Tally, breach, quantile_ms
from app.domain.states import DeploymentState, RolloutState, RunState
from app.services.running import TaskContext
from app.services.serving.asking import ActiveDeployment
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.reader import Reader
from app.store.tables import Deployment, Model, ModelVersion, Rollout, RolloutWindow, Run

LOOK_S = 1.0
WATCH = timedelta(seconds=60)
"""How long a rollout lives on after the last look of the run that waits for it."""


@dataclass(frozen=True)
class RolloutVerdict:
    """What became of a candidate beside production; `evidence` holds its figures by stage."""

    passed: bool
    says: str
    evidence: Mapping[str, object]


@dataclass(frozen=True)
class OpenRollout:
    """What the gateway must know of an open rollout."""

    id: int
    key: str
    project: str
    model: str
    version_id: int
    version: int
    digest: str
    feature_set_version: int
    baseline_id: int
    state: RolloutState
    limits: Serving

    @property
    def deployment(self) -> ActiveDeployment:
        """What an answer of the candidate says of itself."""
        return ActiveDeployment(
            self.key, self.project, self.model, self.version_id, self.version, self.digest, self.feature_set_version
        )


@dataclass(frozen=True)
class Window:
    """What one process of the gateway saw of a rollout since it last wrote."""

    rollout_id: int
    stage: RolloutState
    worker: str
    tally: Tally


OPEN = """
SELECT r.id, r.key, p.name AS project, m.name AS model, v.id AS version_id, v.version, v.digest,
       f.version AS feature_set_version, r.baseline_id, r.state, r.limits
FROM rollout r
JOIN project p ON p.id = r.project_id
JOIN model_version v ON v.id = r.version_id
JOIN model m ON m.id = v.model_id
JOIN feature_set f ON f.id = v.feature_set_id
WHERE r.state IN ('shadow', 'canary') AND r.watched_until > :now
ORDER BY p.name
"""


def open_rollouts(reader: Reader) -> list[OpenRollout]:
    """The rollouts that somebody waits for, at most one a project."""
    moment = now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [
        OpenRollout(
            **{**row, "state": RolloutState(row["state"]), "limits": Serving.model_validate_json(row["limits"])}
        )
        for row in reader.rows(OPEN, {"now": moment})
    ]


def observe(
    task: TaskContext, *, version_id: int, by: str, reason: str, look_s: float = LOOK_S, complete: bool = True
) -> RolloutVerdict:
    """Try a version beside production as `[serving]` of the project asks, and wait for the verdict.

    Gives a passed verdict at once when nothing is asked, or nothing serves yet. The row is the record: a run that
    begins again takes its open rollout up where it stands. A candidate beyond a limit has failed; so has one that was
    not asked often enough within the time and the patience.

    Errors: Busy when another version is being tried, NotFound for an unknown version, Cancelled.
    """
    run, limits = task.run, task.run.project.file.serving
    baseline = _baseline(run.store, run.project_id)
    if not limits.asked or baseline is None or baseline == version_id:
        says = "no trial is asked for" if not limits.asked else "nothing else serves to compare with"
        return _done(task, RolloutVerdict(True, says, {}), version_id, complete=complete)
    rollout = _begin(task, version_id, baseline, limits, by=by, reason=reason)
    try:
        while not rollout.state.ended:
            time.sleep(look_s)
            rollout = _step(task, rollout.id or 0, limits, by=by)
    except BaseException:
        _end(run.store, rollout.id or 0, RolloutState.CANCELLED, "the run that waited for it has ended", by=by)
        raise
    verdict = RolloutVerdict(
        rollout.state is RolloutState.PASSED, rollout.says, evidence_of(run.store, rollout.id or 0)
    )
    return _done(task, verdict, version_id, complete=complete)


def _done(task: TaskContext, verdict: RolloutVerdict, version_id: int, *, complete: bool) -> RolloutVerdict:
    if complete:
        with task.run.store.write() as session:
            task.complete(session, says=verdict.says, inputs=[_subject(session, version_id)])
    return verdict


def _baseline(store: Store, project_id: int) -> int | None:
    """The version that answers for a project now."""
    with store.read() as session:
        found: int | None = session.execute(
            select(col(Deployment.version_id)).where(
                col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE
            )
        ).scalar()
    return found


def _begin(task: TaskContext, version_id: int, baseline: int, limits: Serving, *, by: str, reason: str) -> Rollout:
    """The project's open rollout of this version, taken up again, or a new one."""
    run, moment = task.run, now()
    with run.store.write() as session:
        row = _open_row(session, run.project_id)
        if row is not None and row.run_id != run.run_id and _is_over(session, row.run_id):
            if row.version_id != version_id or row.baseline_id != baseline:
                _close(session, row, RolloutState.CANCELLED, "the run that waited for it has ended", by=by)
                row = None
        elif row is not None and row.run_id != run.run_id:
            raise Busy(
                f"{_subject(session, row.version_id).key} is being tried beside production",
                next_step="trainmaster runs ls --flow deploy",
            )
        if row is None:
            first = RolloutState.SHADOW if limits.shadow_minutes > 0 else RolloutState.CANARY
            row = Rollout(
                key=new_key(),
                project_id=run.project_id,
                version_id=version_id,
                baseline_id=baseline,
                run_id=run.run_id,
                state=first,
                limits=limits.model_dump_json(),
                says=f"{first}: nothing seen yet",
                began_at=moment,
                stage_at=moment,
                watched_until=moment + WATCH,
            )
            session.add(row)
            session.flush()
            audit.record(
                session,
                actor=by,
                action="rollout.began",
                subject=str(_subject(session, version_id)),
                now=moment,
                reason=reason,
                details={"rollout": row.key, "stage": str(first)},
            )
        row.run_id, row.watched_until = run.run_id, moment + WATCH
        session.add(row)
    return row


def _step(task: TaskContext, rollout_id: int, limits: Serving, *, by: str) -> Rollout:
    """Look at what was seen, and bring the rollout to its next stage or its end when it is time."""
    moment, store = now(), task.run.store
    with store.read() as session:
        row = _row(session, rollout_id)
        tally = tally_of(session, rollout_id, row.state)
    if row.state.ended:
        return row
    stage_min = limits.shadow_minutes if row.state is RolloutState.SHADOW else limits.canary_minutes
    spent_min = (moment - row.stage_at).total_seconds() / 60
    says = f"{row.state}: {_said(tally)}"
    task.progress(min(spent_min, stage_min), stage_min, says)
    beyond = breach(tally, limits)
    if _baseline(store, task.run.project_id) != row.baseline_id:
        beyond = "another version went into production meanwhile"
    enough = tally.requests >= limits.minimum_requests
    following: RolloutState | None = None
    if beyond is not None:
        following, says = RolloutState.FAILED, f"{row.state}: {beyond}"
    elif spent_min >= stage_min and enough:
        to_canary = row.state is RolloutState.SHADOW and limits.canary_minutes > 0
        following = RolloutState.CANARY if to_canary else RolloutState.PASSED
    elif spent_min >= stage_min + limits.patience_minutes:
        following = RolloutState.FAILED
        says = f"{row.state}: {tally.requests:,} requests in {spent_min:.0f} min, {limits.minimum_requests:,} are asked"
    with store.write() as session:
        row = _row(session, rollout_id)
        if row.state.ended:  # the gateway was faster
            return row
        row.watched_until, row.says = moment + WATCH, says
        if following is RolloutState.CANARY:
            row.state, row.stage_at = following, moment
            audit.record(
                session,
                actor=by,
                action="rollout.moved",
                subject=str(_subject(session, row.version_id)),
                now=moment,
                details={"rollout": row.key, "stage": "canary", "says": says},
            )
        elif following is not None:
            _close(session, row, following, says, by=by)
        session.add(row)
    return row


def note(store: Store, windows: Sequence[Window], *, failed: Mapping[int, str], by: str = "gateway") -> dict[int, str]:
    """Add what a process of the gateway saw, and end rollouts that it has let go of or that are beyond a limit now.

    `failed` says why, by rollout id. Gives those that this call has ended, with the reason.
    """
    ended: dict[int, str] = {}
    moment = now()
    with store.write() as session:
        rows = [_as_row(window, moment) for window in windows]
        if rows:
            session.connection().execute(insert(RolloutWindow), rows)
        for rollout_id in {window.rollout_id for window in windows} | failed.keys():
            row = _row(session, rollout_id)
            if row.state.ended:
                continue
            why = failed.get(rollout_id)
            why = why or breach(tally_of(session, rollout_id, row.state), Serving.model_validate_json(row.limits))
            if why is not None:
                ended[rollout_id] = why
                _close(session, row, RolloutState.FAILED, f"{row.state}: {why}", by=by)
    return ended


def tally_of(session: Session, rollout_id: int, stage: RolloutState) -> Tally:
    """What all processes saw in a stage, added up."""
    rows = session.execute(
        select(RolloutWindow).where(col(RolloutWindow.rollout_id) == rollout_id, col(RolloutWindow.stage) == stage)
    ).scalars()
    return Tally.of(_as_tally(row) for row in rows)


def evidence_of(store: Store, rollout_id: int) -> dict[str, object]:
    """The figures of a rollout's stages, as plain values."""
    found: dict[str, object] = {}
    with store.read() as session:
        row = _row(session, rollout_id)
        found["rollout"] = row.key
        for stage in (RolloutState.SHADOW, RolloutState.CANARY):
            tally = tally_of(session, rollout_id, stage)
            if tally.requests or tally.rows:
                found[str(stage)] = {
                    "requests": tally.requests,
                    "errors": tally.errors,
                    "rows_compared": tally.rows,
                    "disagreement": tally.disagreement,
                    "mean_difference": tally.difference_sum / tally.rows if tally.rows else None,
                    "candidate_p95_ms": quantile_ms(tally.candidate_ms or (), 0.95),
                    "production_p95_ms": quantile_ms(tally.production_ms or (), 0.95),
                    "not_compared": tally.dropped,
                }
    return found


def _said(tally: Tally) -> str:
    apart, ratio = tally.disagreement, tally.latency_ratio
    return ", ".join(
        [
            f"{tally.requests:,} requests, {tally.errors:,} errors",
            *([f"agreement {1 - apart:.1%}"] if apart is not None else []),
            *([f"p95 {ratio:.2f}x of production"] if ratio is not None else []),
        ]
    )


def _end(store: Store, rollout_id: int, state: RolloutState, says: str, *, by: str) -> None:
    with store.write() as session:
        row = _row(session, rollout_id)
        if not row.state.ended:
            _close(session, row, state, says, by=by)


def _close(session: Session, row: Rollout, state: RolloutState, says: str, *, by: str) -> None:
    moment = now()
    row.state, row.says, row.ended_at = state, says, moment
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor=by,
        action=f"rollout.{state}",
        subject=str(_subject(session, row.version_id)),
        now=moment,
        details={"rollout": row.key, "says": says},
    )


def _open_row(session: Session, project_id: int) -> Rollout | None:
    found: Rollout | None = (
        session.execute(
            select(Rollout).where(
                col(Rollout.project_id) == project_id,
                col(Rollout.state).in_([RolloutState.SHADOW, RolloutState.CANARY]),
            )
        )
        .scalars()
        .first()
    )
    return found


def _row(session: Session, rollout_id: int) -> Rollout:
    row = session.get(Rollout, rollout_id)
    if row is None:
        raise NotFound(f"there is no rollout {rollout_id}", next_step="trainmaster models ls")
    return row


def _is_over(session: Session, run_id: int | None) -> bool:
    run = session.get(Run, run_id) if run_id is not None else None
    return run is None or run.state.ended or run.state is RunState.REQUESTED


def _subject(session: Session, version_id: int) -> Ref:
    version = session.get(ModelVersion, version_id)
    if version is None:
        raise NotFound(f"there is no model version {version_id}", next_step="trainmaster models ls")
    model = session.get(Model, version.model_id)
    return Ref("model", f"{model.name if model else version.model_id}/{version.version}")


def _as_row(window: Window, moment: datetime) -> dict[str, object]:
    tally = window.tally
    return {
        "rollout_id": window.rollout_id,
        "stage": window.stage,
        "worker": window.worker,
        "at": moment,
        "requests": tally.requests,
        "errors": tally.errors,
        "rows": tally.rows,
        "agreed": tally.agreed,
        "dropped": tally.dropped,
        "difference_sum": tally.difference_sum,
        "candidate_ms": _text(tally.candidate_ms or ()),
        "production_ms": _text(tally.production_ms or ()),
    }


def _as_tally(row: RolloutWindow) -> Tally:
    return Tally(
        row.requests,
        row.errors,
        row.rows,
        row.agreed,
        row.difference_sum,
        row.dropped,
        [int(count) for count in row.candidate_ms.split(",")],
        [int(count) for count in row.production_ms.split(",")],
    )


def _text(counts: Iterable[int]) -> str:
    return ",".join(map(str, counts))


__all__ = ["OpenRollout", "RolloutVerdict", "Window", "evidence_of", "note", "observe", "open_rollouts", "tally_of"]
