"""Runs as MLflow's folders (`mlruns/`): whole or absent, and read again without loss by us and by MLflow's client."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from app.domain.errors import BadInput, Refused
from app.domain.states import RunState
from app.services.runs.mlflow.foreign import NAME, NOTE, NUMBERS, OURS, RUN_NAME
from app.store.engine import Store
from app.store.moments import parse_utc
from app.store.queries.content import content_of
from app.store.queries.runs import (
    RunDetail,
    RunFilter,
    metrics_of,
    notes_of,
    page_of_runs,
    parameters_of,
    point_keys_of,
    points_of,
    run_detail,
    tags_of,
)
from app.store.reader import Reader

_ALLOWED = re.compile(r"[^/\w.\- :]", re.ASCII)
NEXT = "trainmaster runs export --mlflow ANOTHER"


@dataclass(frozen=True)
class Exported:
    """What was written where; runs that have not ended are left out."""

    folder: str
    runs: int
    files: int
    unfinished: int


def export_runs(store: Store, target: Path, *, where: RunFilter | None = None, project: str | None = None) -> Exported:
    """Write the runs that a filter keeps as an MLflow file store in the new folder `target`; complete or absent.

    Raises Refused when the folder is there or cannot be written.
    """
    target = target.absolute()
    if target.exists():
        raise Refused(f"{target} is there already", next_step=NEXT)
    arriving = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(arriving, ignore_errors=True)
    runs = files = unfinished = 0
    try:
        arriving.mkdir(parents=True)
        for key in _keys(store.reader, where, project):
            detail = run_detail(store.reader, key)
            if not RunState(detail.row.state).ended:
                unfinished += 1
                continue
            files += _Writer(store.reader, arriving, target, detail).write()
            runs += 1
        arriving.rename(target)
    except OSError as error:
        raise Refused(f"the export cannot be written: {error.strerror or error}", where=str(target), next_step=NEXT) from error  # fmt: skip  # noqa: E501
    finally:
        shutil.rmtree(arriving, ignore_errors=True)
    return Exported(str(target), runs, files, unfinished)


def _keys(reader: Reader, where: RunFilter | None, project: str | None) -> Iterator[str]:
    after = None
    while True:
        page = page_of_runs(reader, where=where, project=project, descending=False, after=after, limit=1000)
        yield from (row.key for row in page.rows)
        after = page.after
        if after is None:
            return


class _Writer:
    """One run's folder."""

    def __init__(self, reader: Reader, root: Path, target: Path, detail: RunDetail) -> None:
        self.reader, self.root, self.target, self.detail = reader, root, target, detail
        self.experiment = _experiment_id(detail.row.project)
        self.folder = root / self.experiment / detail.row.key
        self.tags: dict[str, str] = {}

    def write(self) -> int:
        """Everything of the run; gives how many files it had."""
        row = self.detail.row
        if not self.folder.parent.exists():
            self._experiment()
        for name in ("params", "metrics", "artifacts", "tags"):
            (self.folder / name).mkdir(parents=True)
        self._parameters()
        self._metrics()
        files = self._artifacts()
        self._tags()
        at = self.target / self.experiment / row.key / "artifacts"
        meta: dict[str, object] = {
            "artifact_uri": at.as_uri(),
            "end_time": _ms(row.finished_at),
            "entry_point_name": "",
            "experiment_id": self.experiment,
            "lifecycle_stage": "active",
            "run_id": row.key,
            "run_name": self.tags[RUN_NAME],
            "source_name": "",
            "source_type": 4,
            "source_version": self.detail.commit or "",
            "start_time": _ms(row.started_at or row.requested_at),
            "status": NUMBERS[RunState(row.state)],
            "tags": [],
            "user_id": row.requested_by,
        }
        _write_meta(self.folder, meta)
        return files

    def _experiment(self) -> None:
        self.folder.parent.mkdir(parents=True)
        at = _ms(self.detail.row.requested_at)
        meta = {
            "artifact_location": (self.target / self.experiment).as_uri(),
            "creation_time": at,
            "experiment_id": self.experiment,
            "last_update_time": at,
            "lifecycle_stage": "active",
            "name": self.detail.row.project,
        }
        _write_meta(self.folder.parent, meta)

    def _parameters(self) -> None:
        taken: set[str] = set()
        for key, value in parameters_of(self.reader, self.detail.row.key).items():
            _write(self.folder / "params" / self._name(key, taken), value)

    def _metrics(self) -> None:
        taken: set[str] = set()
        key = self.detail.row.key
        histories = set(point_keys_of(self.reader, key))
        latest = metrics_of(self.reader, key)
        at_ms = _ms(self.detail.row.finished_at or self.detail.row.requested_at) or 0
        for name in dict.fromkeys((*latest, *sorted(histories))):
            written = self._name(name, taken)
            points = [(p.step, p.value) for p in points_of(self.reader, key, name)] if name in histories else []
            if points:
                self.tags[f"{OURS}history.{written}"] = "yes"
            if name in latest and (not points or not _same(points[-1][1], latest[name])):
                points.append((points[-1][0] if points else 0, latest[name]))
                if len(points) > 1:  # a later time at the last step: MLflow calls that the latest value
                    self.tags[f"{OURS}latest.{written}"] = repr(latest[name])
            elif name not in latest:
                self.tags[f"{OURS}only-history.{written}"] = "yes"
            lines = [f"{at_ms + order} {value!r} {step}" for order, (step, value) in enumerate(points)]
            _write(self.folder / "metrics" / written, "\n".join(lines) + "\n")

    def _artifacts(self) -> int:
        count = 0
        for path, digest in _files_of(self.reader, self.detail).items():
            safe = [part for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
            file = self.folder.joinpath("artifacts", *safe)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content_of(self.reader, digest))
            count += 1
        return count

    def _tags(self) -> None:
        row, detail = self.detail.row, self.detail
        ours = {
            "run": row.key, "flow": row.flow, "project": row.project, "state": row.state, "cause": row.cause,
            "cause_key": row.cause_key, "requested_by": row.requested_by, "requested_at": row.requested_at,
            "started_at": row.started_at, "finished_at": row.finished_at,
            "duration_s": None if row.duration_s is None else repr(row.duration_s), "error": row.error,
            "seed": None if detail.seed is None else str(detail.seed), "commit": detail.commit,
            "dirty": None if detail.dirty is None else ("yes" if detail.dirty else "no"),
            "charter_digest": detail.charter_digest, "lock_digest": detail.lock_digest,
            "peak_rss_bytes": None if detail.peak_rss_bytes is None else str(detail.peak_rss_bytes),
            "environment": detail.environment, "requested": detail.parameters,
        }  # fmt: skip
        self.tags |= {OURS + name: value for name, value in ours.items() if value not in (None, "")}
        self.tags |= tags_of(self.reader, row.key)
        self.tags.setdefault(RUN_NAME, f"{row.flow} {row.key[:6]}")
        notes = "\n\n".join(note.says for note in reversed(notes_of(self.reader, row.key)))
        if notes:
            self.tags[NOTE] = notes
        taken: set[str] = set()
        for name, value in self.tags.items():
            _write(self.folder / "tags" / written_name(name, taken), value)

    def _name(self, name: str, taken: set[str]) -> str:
        written = written_name(name, taken)
        if written != name:
            self.tags[NAME + written] = name
        return written


def written_name(name: str, taken: set[str]) -> str:
    """A name that MLflow allows and that is a path inside its folder; unique among those `taken`.

    >>> written_name("slice.origin=JFK.auc", set()), written_name("../x", set())
    ('slice.origin_JFK.auc', '__/x')
    """
    pieces = _ALLOWED.sub("_", name).split("/")
    kept = [re.sub(r"^\.+$", lambda dots: "_" * len(dots[0]), piece[:200]) or "_" for piece in pieces]
    wanted, number = "/".join(kept), 2
    while wanted in taken or any(_nested(wanted, other) for other in taken):
        wanted, number = f"{'_'.join(kept)}_{number}", number + 1
    taken.add(wanted)
    return wanted


def _nested(one: str, other: str) -> bool:
    """Whether one name would be a folder where the other is a file."""
    return one.startswith(other + "/") or other.startswith(one + "/")


def _files_of(reader: Reader, detail: RunDetail) -> dict[str, str]:
    """Path and digest of every file of a run: imported ones, and the parts of what it made."""
    sql = "SELECT path, artifact FROM run_artifact WHERE run_id = :run ORDER BY path"
    found = {str(row["path"]): str(row["artifact"]) for row in reader.rows(sql, {"run": detail.row.id})}
    if found:
        return found
    sql = "SELECT version, model_bytes, manifest, canary, profile FROM model_version WHERE run_id = :run"
    for row in reader.rows(sql, {"run": detail.row.id}):
        parts = {
            "model": "model_bytes",
            "manifest.json": "manifest",
            "canary.json": "canary",
            "profile.json": "profile",
        }
        found |= {f"model-v{row['version']}/{name}": str(row[column]) for name, column in parts.items()}
    for row in reader.rows("SELECT key, artifact FROM prediction_batch WHERE run_id = :run", {"run": detail.row.id}):
        found[f"predictions-{row['key']}.parquet"] = str(row["artifact"])
    for row in reader.rows("SELECT key, source, artifact FROM snapshot WHERE run_id = :run", {"run": detail.row.id}):
        found[f"snapshots/{row['source']}-{row['key']}.parquet"] = str(row["artifact"])
    return found


def _experiment_id(project: str) -> str:
    return str(int(hashlib.sha256(project.encode()).hexdigest()[:14], 16))


def _same(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)


def _ms(text: str | None) -> int | None:
    if text is None:
        return None
    moment: datetime = parse_utc(text)
    return round(moment.timestamp() * 1000)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except UnicodeEncodeError as error:
        raise BadInput("half of a surrogate pair is no character", where=file.name) from error


def _write_meta(folder: Path, meta: Mapping[str, object]) -> None:
    import yaml  # type: ignore[import-untyped]

    document = yaml.safe_dump(json.loads(json.dumps(meta)), default_flow_style=False, allow_unicode=True)
    _write(folder / "meta.yaml", document)


__all__ = ["Exported", "export_runs", "written_name"]
