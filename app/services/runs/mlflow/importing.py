"""MLflow's runs become rows of the ledger: all of them, or none; a second import adds only what is new."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select
from sqlmodel import Session, col

from app.domain.errors import BadInput
from app.domain.ids import KEY_LENGTH
from app.domain.states import CauseKind, RunState
from app.services.runs.mlflow.database import runs_in_database
from app.services.runs.mlflow.folder import runs_in_folder
from app.services.runs.mlflow.foreign import NAME, NOTE, OURS, STATES, ForeignRun, Point
from app.services.workspaces import now
from app.store import artifacts, audit
from app.store.bulk import FinishedRun, import_points, import_runs
from app.store.engine import Store
from app.store.tables import Run, RunArtifact, RunNote, RunTag

SQLITE = "sqlite:///"
LARGEST_FILE = 2 << 30
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Imported:
    """What came in: keys of new runs, how many were known, how many had not ended, points of one step that met."""

    runs: tuple[str, ...]
    known: int
    unfinished: int
    overwritten_points: int

    @property
    def says(self) -> str:
        """The same in words."""
        rest = [
            f"{count} {words}"
            for count, words in (
                (self.known, "known already"),
                (self.unfinished, "not ended, left out"),
                (self.overwritten_points, "points of a step that came twice, the last one kept"),
            )
            if count
        ]
        return f"{len(self.runs)} runs imported" + (f" ({'; '.join(rest)})" if rest else "")


def import_mlflow(store: Store, source: str, *, project_id: int, by: str) -> Imported:
    """Import the runs of an MLflow folder or `sqlite:///FILE` into a project, with history, tags and files.

    Raises NotFound or BadInput; nothing is written then.
    """
    found = _runs_of(source)
    ended = [run for run in found if STATES.get(run.status) is not None]
    keys: dict[str, str] = {run.id: key_of(run) for run in ended}
    if len(set(keys.values())) != len(ended):
        raise BadInput("two runs would have the same key", where=source)
    with store.write() as session:
        taken = _taken(session, list(keys.values()))
        new = [run for run in ended if keys[run.id] not in taken]
        made = [_finished(run, keys[run.id]) for run in new]
        import_runs(session, made, project_id=project_id)
        ids = _ids(session, [run.key or "" for run in made])
        lost = sum(_add_rest(session, run, ids[keys[run.id]], by) for run in new)
        audit.record(
            session,
            actor=by,
            action="runs.imported",
            subject="runs:mlflow",
            now=now(),
            details={"source": Path(source).name, "runs": len(new)},
        )
    return Imported(tuple(keys[run.id] for run in new), len(ended) - len(new), len(found) - len(ended), lost)


def _runs_of(source: str) -> list[ForeignRun]:
    if source.startswith(SQLITE):
        return list(runs_in_database(Path(source.removeprefix(SQLITE))))
    path = Path(source.removeprefix("file://"))
    return list(runs_in_database(path) if path.is_file() else runs_in_folder(path))


def key_of(run: ForeignRun) -> str:
    """The key of a run here: its own when it came from here, else one made from MLflow's id, always the same."""
    own = run.tags.get(OURS + "run", "")
    if len(own) == KEY_LENGTH and set(own) <= set("0123456789abcdef"):
        return own
    return hashlib.sha256(run.id.encode()).hexdigest()[:KEY_LENGTH]


def _taken(session: Session, keys: Sequence[str]) -> set[str]:
    return set(_ids(session, keys))


def _ids(session: Session, keys: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(keys), 500):
        rows = session.execute(select(col(Run.key), col(Run.id)).where(col(Run.key).in_(keys[start : start + 500])))
        found |= {key: number for key, number in rows if number is not None}
    return found


def _finished(run: ForeignRun, key: str) -> FinishedRun:
    ours = {name.removeprefix(OURS): value for name, value in run.tags.items() if name.startswith(OURS)}
    begun, ended = _moment(run.start_ms), _moment(run.end_ms)
    begun, ended = _time(ours.get("started_at")) or begun, _time(ours.get("finished_at")) or ended
    state = RunState(ours["state"]) if ours.get("state") in _ENDS else STATES[run.status]
    duration = (ended - begun).total_seconds() if begun and ended and ended >= begun else None
    return FinishedRun(
        key=key,
        flow=ours.get("flow") or "imported",
        requested_at=_time(ours.get("requested_at")) or begun or ended or EPOCH,
        state=state or RunState.COMPLETED,
        requested_by=ours.get("requested_by") or run.user,
        cause=CauseKind(ours["cause"]) if ours.get("cause") in set(CauseKind) else CauseKind.PERSON,
        cause_key=ours.get("cause_key"),
        started_at=begun,
        finished_at=ended,
        duration_s=_number(ours.get("duration_s")) or duration,
        parameters={_name(run, key): value for key, value in run.parameters.items()},
        metrics={
            _name(run, key): latest
            for key, points in run.metrics.items()
            if (latest := _split(run, key, points)[0]) is not None
        },
        error=ours.get("error", ""),
        seed=int(ours["seed"]) if ours.get("seed", "").lstrip("-").isdecimal() else None,
        commit=ours.get("commit") or run.tags.get("mlflow.source.git.commit"),
        dirty={"yes": True, "no": False}.get(ours.get("dirty", "")),
        charter_digest=_digest(ours.get("charter_digest")),
        lock_digest=_digest(ours.get("lock_digest")),
        peak_rss_bytes=int(ours["peak_rss_bytes"]) if ours.get("peak_rss_bytes", "").isdecimal() else None,
        environment=_document(ours.get("environment", "")),
        requested=_document(ours.get("requested", "")) or "{}",
    )


_ENDS = {state.value for state in RunState if state.ended}


def _name(run: ForeignRun, written: str) -> str:
    return run.tags.get(NAME + written, written)[:250]


def _split(run: ForeignRun, key: str, points: Sequence[Point]) -> tuple[float | None, list[tuple[int, float]], int]:
    """A metric's latest value (as MLflow means it), its history by step, and how many points a step had too many.

    Of a run that came from here the tags say what was a history, and what only a latest value.
    """
    if not points:
        return None, [], 0
    order = sorted(points, key=lambda point: (point.step, point.at_ms))
    latest: float | None = order[-1].value
    if f"{OURS}only-history.{key}" in run.tags:
        latest = None
    elif f"{OURS}latest.{key}" in run.tags:
        latest, order = order[-1].value, order[:-1]
    elif OURS + "run" in run.tags and f"{OURS}history.{key}" not in run.tags:
        return latest, [], 0
    by_step = {point.step: point.value for point in order}
    history = list(by_step.items()) if len(by_step) > 1 or f"{OURS}history.{key}" in run.tags else []
    return latest, history, len(order) - len(by_step)


def _add_rest(session: Session, run: ForeignRun, run_id: int, by: str) -> int:
    """Histories, tags, the note and the files of a run; gives how many points had a step that came again."""
    lost = 0
    histories: dict[str, list[tuple[int, float]]] = {}
    for key, points in run.metrics.items():
        _, history, doubled = _split(run, key, points)
        lost += doubled
        if history:
            histories[_name(run, key)] = history
    import_points(session, run_id, histories)
    rows = list(_tag_rows(run, run_id))
    if rows:
        session.connection().execute(insert(RunTag), rows)
    note = run.tags.get(NOTE, "").strip()
    if note:
        session.add(RunNote(run_id=run_id, at=now(), actor=by, says=note))
    for path, content in _contents(run):
        digest = artifacts.put(session, content, kind="file", media_type="application/octet-stream", now=now())
        session.add(RunArtifact(run_id=run_id, path=path[:500], artifact=digest))
    session.flush()
    return lost


def _tag_rows(run: ForeignRun, run_id: int) -> Iterator[Mapping[str, object]]:
    for name, value in run.tags.items():
        if not name.startswith(OURS) and name != NOTE:
            yield {"run_id": run_id, "key": name[:250], "value": value}


def _contents(run: ForeignRun) -> Iterator[tuple[str, bytes]]:
    if run.artifacts is None:
        return
    for file in sorted(run.artifacts.rglob("*")):
        linked = any(part.is_symlink() for part in (file, *file.parents) if run.artifacts in part.parents)
        if file.is_file() and not linked:
            if file.stat().st_size > LARGEST_FILE:
                raise BadInput("a file of more than 2 GiB", where=str(file))
            yield file.relative_to(run.artifacts).as_posix(), file.read_bytes()


def _moment(milliseconds: int | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _time(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _digest(text: str | None) -> str | None:
    return text if text and len(text) <= 64 else None


def _document(text: str) -> str:
    try:
        return text if isinstance(json.loads(text), dict) else ""
    except ValueError:
        return ""


__all__ = ["Imported", "import_mlflow", "key_of"]
