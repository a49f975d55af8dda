"""A candidate beside production, or watched after its switch: the row that the gateway follows, and what was seen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.errors import NotFound
from app.domain.ids import Ref, new_key
from app.domain.project.serving import Serving
from app.domain.rollout import Tally, breach, quantile_ms
from app.domain.states import RolloutState
from app.services.serving.asking import ActiveDeployment
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.reader import Reader
from app.store.tables import Model, ModelVersion, Rollout, RolloutWindow

ALIVE = timedelta(seconds=60)
"""How long a rollout lives on after the last look of the run that waits for it."""
NEVER_LATE = timedelta(0)


@dataclass(frozen=True)
class OpenRollout:
    """What the gateway must know of an open rollout: `version` is the one beside `production_id`.

    Before the switch that is the candidate, in the watch after it the version that was in production before.
    """

    id: int
    key: str
    project: str
    model: str
    version_id: int
    version: int
    digest: str
    feature_set_version: int
    production_id: int
    state: RolloutState
    limits: Serving

    @property
    def deployment(self) -> ActiveDeployment:
        """What an answer of the version beside production says of itself."""
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
       f.version AS feature_set_version,
       CASE r.state WHEN 'watch' THEN r.version_id ELSE r.baseline_id END AS production_id, r.state, r.limits
FROM rollout r
JOIN project p ON p.id = r.project_id
JOIN model_version v ON v.id = CASE r.state WHEN 'watch' THEN r.baseline_id ELSE r.version_id END
JOIN model m ON m.id = v.model_id
JOIN feature_set f ON f.id = v.feature_set_id
WHERE r.state IN ('shadow', 'canary', 'watch') AND r.watched_until > :now
ORDER BY p.name
"""


def open_rollouts(reader: Reader) -> list[OpenRollout]:
    """The rollouts that somebody waits for and the watches that last, at most one a project."""
    moment = now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [
        OpenRollout(
            **{**row, "state": RolloutState(row["state"]), "limits": Serving.model_validate_json(row["limits"])}
        )
        for row in reader.rows(OPEN, {"now": moment})
    ]


def note(store: Store, windows: Sequence[Window], *, failed: Mapping[int, str], by: str = "gateway") -> dict[int, str]:
    """Add what a process of the gateway saw, and end rollouts that it has let go of or that are beyond a limit now.

    `failed` says why, by rollout id. Gives those that this call has ended, with the reason; a watch that is beyond a
    limit is among them but goes on: production must go back first (`registry.fall_back`).
    """
    ended: dict[int, str] = {}
    moment = now()
    with store.write() as session:
        rows = [_as_row(window, moment) for window in windows]
        if rows:
            session.connection().execute(insert(RolloutWindow), rows)
        for rollout_id in {window.rollout_id for window in windows} | failed.keys():
            row = row_of(session, rollout_id)
            if row.state.ended:
                continue
            why = failed.get(rollout_id)
            why = why or breach(tally_of(session, rollout_id, row.state), Serving.model_validate_json(row.limits))
            if why is not None:
                ended[rollout_id] = why
                if row.state is not RolloutState.WATCH:
                    close(session, row, RolloutState.FAILED, f"{row.state}: {why}", by=by)
    return ended


def begin_watch(
    session: Session, version_id: int, before: int, limits: Serving, *, project_id: int, run_id: int | None
) -> None:
    """Watch a version from its switch on, the version before it standing by; in the transaction of the switch.

    Nothing begins when `limits.watch_minutes` is 0.
    """
    if limits.watch_minutes <= 0:
        return
    moment = now()
    session.add(
        Rollout(
            key=new_key(),
            project_id=project_id,
            version_id=version_id,
            baseline_id=before,
            run_id=run_id,
            state=RolloutState.WATCH,
            limits=limits.model_dump_json(),
            began_at=moment,
            stage_at=moment,
            watched_until=moment + timedelta(minutes=limits.watch_minutes),
        )
    )
    session.flush()


def end_watch(
    session: Session, project_id: int, says: str, *, by: str, state: RolloutState = RolloutState.CANCELLED
) -> None:
    """End the watch of a project, when there is one."""
    row = open_row(session, project_id)
    if row is not None and row.state is RolloutState.WATCH:
        close(session, row, state, f"watch: {says}", by=by)


def end_overdue(session: Session, moment: datetime, *, by: str) -> list[tuple[str, str]]:
    """End watches whose time is over, well, and rollouts that nobody waits for any more, as cancelled.

    Gives the version of each, as `model:NAME/VERSION`, with what is said of it.
    """
    ended = []
    for row in overdue(session, moment):
        watched = row.state is RolloutState.WATCH
        seen = said(tally_of(session, row.id or 0, row.state))
        says = f"watch: {seen}" if watched else "nobody waits for it any more"
        close(session, row, RolloutState.PASSED if watched else RolloutState.CANCELLED, says, by=by)
        ended.append((str(subject_of(session, row.version_id)), says))
    return ended


def overdue(session: Session, moment: datetime) -> list[Rollout]:
    """Watches whose time is over, and rollouts that nobody has waited for since a while."""
    rows = session.execute(select(Rollout).where(col(Rollout.ended_at).is_(None)).order_by(col(Rollout.id))).scalars()
    return [
        row for row in rows if row.watched_until + (NEVER_LATE if row.state is RolloutState.WATCH else ALIVE) < moment
    ]


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
        row = row_of(session, rollout_id)
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


def said(tally: Tally) -> str:
    """What was seen, in words.

    >>> said(Tally(requests=1200, errors=1, rows=1200, agreed=1188))
    '1,200 requests, 1 errors, agreement 99.0%'
    """
    apart, ratio = tally.disagreement, tally.latency_ratio
    return ", ".join(
        [
            f"{tally.requests:,} requests, {tally.errors:,} errors",
            *([f"agreement {1 - apart:.1%}"] if apart is not None else []),
            *([f"p95 {ratio:.2f}x of production"] if ratio is not None else []),
        ]
    )


def end(store: Store, rollout_id: int, state: RolloutState, says: str, *, by: str) -> None:
    """End a rollout that is open still."""
    with store.write() as session:
        row = row_of(session, rollout_id)
        if not row.state.ended:
            close(session, row, state, says, by=by)


def close(session: Session, row: Rollout, state: RolloutState, says: str, *, by: str) -> None:
    """End a rollout in the transaction of `session`, with its event in the audit log."""
    moment = now()
    row.state, row.says, row.ended_at = state, says, moment
    session.add(row)
    session.flush()
    audit.record(
        session,
        actor=by,
        action=f"rollout.{state}",
        subject=str(subject_of(session, row.version_id)),
        now=moment,
        details={"rollout": row.key, "says": says},
    )


def open_row(session: Session, project_id: int) -> Rollout | None:
    """The open rollout or watch of a project, or None."""
    found: Rollout | None = (
        session.execute(
            select(Rollout).where(
                col(Rollout.project_id) == project_id,
                col(Rollout.state).in_([RolloutState.SHADOW, RolloutState.CANARY, RolloutState.WATCH]),
            )
        )
        .scalars()
        .first()
    )
    return found


def row_of(session: Session, rollout_id: int) -> Rollout:
    """A rollout's row; raises NotFound."""
    row = session.get(Rollout, rollout_id)
    if row is None:
        raise NotFound(f"there is no rollout {rollout_id}", next_step="trainmaster models ls")
    return row


def subject_of(session: Session, version_id: int) -> Ref:
    """A version as a node of the lineage; raises NotFound."""
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


__all__ = [
    "OpenRollout",
    "Window",
    "begin_watch",
    "close",
    "end",
    "end_overdue",
    "end_watch",
    "evidence_of",
    "note",
    "open_rollouts",
    "overdue",
    "tally_of",
]
