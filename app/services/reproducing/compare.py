"""Comparing a run with its second attempt, step by step; each step says what is the same or the first difference."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Damaged, TrainmasterError
from app.domain.workspace import Workspace
from app.machine.environment import this_environment
from app.services.reproducing.verdict import OTHERWISE, TOLERANCE, Step
from app.store import artifacts, ledger
from app.store.columns import join_number
from app.store.engine import Store
from app.store.tables import FeatureSet, Metric, ModelVersion, Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

MATTERS = ("python", "implementation", "machine", "gpu_driver")
LIBRARIES = ("lightgbm", "scikit-learn", "numpy", "pandas", "pyarrow", "trainmaster")


def environments(stored: Mapping[str, object]) -> Step:
    """Interpreter, machine and the libraries that a result depends on."""
    now = this_environment().as_json()
    for name in MATTERS:
        if name in stored and stored[name] != now[name]:
            return _differs("environment", None, name, stored[name], now[name])
    then_packages, now_packages = _part(stored, "packages"), _part(now, "packages")
    for name in LIBRARIES if then_packages else ():
        if then_packages.get(name) != now_packages.get(name):
            return _differs("environment", None, name, then_packages.get(name), now_packages.get(name))
    other = "" if stored.get("lock_digest") == now["lock_digest"] else "; other packages have changed"
    return Step("environment", "same", f"Python {now['python']} and {len(now_packages)} libraries{other}")


def snapshots(store: Store, keys: Sequence[str]) -> Step:
    """The bytes of every snapshot, against their digests."""
    with store.read() as session:
        for key in keys:
            row = session.execute(select(Snapshot).where(col(Snapshot.key) == key)).scalars().first()
            if row is None:
                return _differs("snapshots", key, "snapshot", "there", "absent")
            try:
                artifacts.get(session, row.artifact)
            except TrainmasterError as error:
                return _differs("snapshots", key, "content", row.artifact[:12], error.message)
    return Step("snapshots", "same", f"{len(keys)} snapshots have their digests")


def features(workspace: Workspace, place: Workspace, project: str, stored: FeatureSet, rebuilt: FeatureSet) -> Step:
    """Every table of the version as it lies there now, against the one that was computed from the snapshots."""
    from app.features import differences, offline

    theirs, ours = json.loads(stored.views), json.loads(rebuilt.views)
    rows = 0
    for name in sorted({*theirs, *ours}):
        if name not in theirs or name not in ours:
            return _differs("features", None, name, name in theirs, name in ours)
        record = theirs[name]
        folder = workspace.features / project / str(record["table"])
        fresh = offline.read(place.features / project / str(ours[name]["table"]), int(ours[name]["version"]))
        keys = [key for key in (*record["entity"], record.get("event_time")) if key]
        for version in (int(record["version"]), offline.changed_by_hand(folder, int(record["version"]))):
            if version is None:
                continue
            try:
                found = differences.first_difference(_as_it_lies(folder, version), fresh, keys)
            except TrainmasterError as error:
                return _differs("features", None, name, error.message, f"{fresh.num_rows:,} rows")
            if found is not None:
                where = ", ".join(f"{key} {value}" for key, value in found.keys.items())
                says = (
                    f"{name}: {found.column} is {found.stored} in the feature store, {found.rebuilt} when built again"
                )
                difference = {"view": name, **asdict(found)}
                return Step("features", "differs", says + (f" ({where})" if where else ""), difference)
        rows += fresh.num_rows
    return Step("features", "same", f"{len(theirs)} tables with {rows:,} rows")


def _as_it_lies(folder: Path, version: int) -> pa.Table:
    """A version's rows; where files are not those of its log any more, the rows that are in them."""
    from app.features import offline

    try:
        return offline.read(folder, version)
    except Damaged:
        return offline.read_files(folder, version)


def results(store: Store, second: Store, version: ModelVersion, run: str, again: str) -> list[Step]:
    """Split, model, metrics and predictions of both runs."""
    with store.read() as one, second.read() as other:
        made = other.execute(
            select(ModelVersion).where(col(ModelVersion.run_id) == ledger.find_run(other, again).id)
        ).scalar_one()
        first, last = _document(one, version.manifest), _document(other, made.manifest)
        texts = artifacts.get(one, version.model_bytes), artifacts.get(other, made.model_bytes)
        canaries = _document(one, version.canary), _document(other, made.canary)
        metrics = _metrics(one, run), _metrics(other, again)
    return [
        _split(first, last),
        _model(version.digest, made.digest, texts),
        _numbers("metrics", metrics),
        _predictions(canaries),
    ]


def _split(first: Mapping[str, object], last: Mapping[str, object]) -> Step:
    mine, theirs = dict(_part(first, "split")), dict(_part(last, "split"))
    for name in mine:
        if mine[name] != theirs.get(name):
            return _differs("split", None, name, mine[name], theirs.get(name))
    return Step("split", "same", f"digest {str(mine.get('digest'))[:12]}")


def _model(digest: str, again: str, texts: tuple[bytes, bytes]) -> Step:
    if digest == again:
        return Step("model", "same", f"digest {digest[:12]}")
    one, other = (text.split(b"\nparameters:")[0].splitlines() for text in texts)
    row = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    lines = [text[row].decode(errors="replace")[:160] if row < len(text) else "absent" for text in (one, other)]
    sums = [hashlib.sha256(text).hexdigest()[:12] for text in texts]
    column = f"line {row + 1} of the model"
    return Step(
        "model",
        "differs",
        f"{column}: {lines[0][:60]!r} against {lines[1][:60]!r}",
        {"row": row, "column": column, "stored": lines[0], "rebuilt": lines[1], "digests": sums},
    )


def _numbers(step: str, pair: tuple[Mapping[str, float], Mapping[str, float]]) -> Step:
    """Metrics of both runs; those of the version in production belong to another day."""
    mine, theirs = ({k: v for k, v in each.items() if not k.startswith("production.")} for each in pair)
    worst: Step | None = None
    for name in sorted({*mine, *theirs}):
        if name not in mine or name not in theirs:
            return _differs(step, None, name, mine.get(name, "absent"), theirs.get(name, "absent"))
        limit = TOLERANCE.get(name.rsplit(".", 1)[-1], OTHERWISE)
        found = _compare(step, None, name, mine[name], theirs[name], limit)
        if found is not None and found.state == "differs":
            return found
        worst = worst or found
    return worst or Step(step, "same", f"{len(mine)} metrics")


def _predictions(pair: tuple[Mapping[str, object], Mapping[str, object]]) -> Step:
    if pair[0]["inputs"] != pair[1]["inputs"]:
        return Step("predictions", "differs", "the stored inputs are not the same rows")
    mine, theirs = (_flat(each["predictions"]) for each in pair)
    worst: Step | None = None
    for row, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        found = _compare("predictions", row, "prediction", a, b, TOLERANCE["predictions"])
        if found is not None and found.state == "differs":
            return found
        worst = worst or found
    if len(mine) != len(theirs):
        return _differs("predictions", None, "number of predictions", len(mine), len(theirs))
    return worst or Step("predictions", "same", f"{len(mine)} stored predictions")


def _compare(step: str, row: int | None, name: str, a: float, b: float, limit: float) -> Step | None:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return None
    off = abs(a - b) / max(abs(a), abs(b), 1e-12)
    if not off <= limit:
        return _differs(step, row, name, a, b)
    difference = {"row": row, "column": name, "stored": a, "rebuilt": b, "tolerance": limit}
    return Step(step, "close", f"{name} {a!r} against {b!r}, tolerance {limit:g} of the value", difference)


def _differs(step: str, row: object, column: str, stored: object, rebuilt: object) -> Step:
    where = f" in row {row}" if row is not None else ""
    difference = {"row": row, "column": column, "stored": stored, "rebuilt": rebuilt}
    return Step(step, "differs", f"{column}{where} was {stored}, is {rebuilt}", difference)


def _flat(values: object) -> list[float]:
    assert isinstance(values, list)
    return [float(x) for value in values for x in (value if isinstance(value, list) else [value])]


def _part(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _document(session: Session, digest: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(artifacts.get(session, digest))
    return found


def _metrics(session: Session, key: str) -> dict[str, float]:
    run = ledger.find_run(session, key)
    rows = session.execute(select(Metric).where(col(Metric.run_id) == run.id)).scalars()
    return {row.key: join_number(row.value, row.special) for row in rows}
