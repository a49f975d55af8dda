"""The sure half of a comparison: two runs judged on the same rows are compared row by row, with a paired interval.

The rows are those that a version's gates were judged on. Two runs that were judged on other rows (a month later) meet
on those of the newer one, when the older model has learned from none of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.domain.errors import TrainmasterError
from app.domain.problem import MetricName
from app.domain.workspace import Workspace
from app.services.workspaces import open_project
from app.store.queries.content import content_of
from app.store.queries.runs import Comparison
from app.store.reader import Reader

if TYPE_CHECKING:
    from app.domain.project import ProjectFile
    from app.learning.paired import Answers


@dataclass(frozen=True)
class Paired:
    """How a run does against the baseline of a comparison on the same rows; `why` says why that is not known.

    `low` and `high` bound the gain (positive when better); all runs of a comparison keep 95 % together. `judged_on` is
    the run whose test rows both answered.
    """

    run: str
    against: str
    metric: str = ""
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    significant: bool | None = None
    rows: int = 0
    blocks: str = ""
    judged_on: str = ""
    says: str = ""
    why: str = ""


@dataclass(frozen=True)
class _Kept:
    """The version that a run registered: what it answered on its test rows, and the digests of its parts."""

    run: str
    answers: Answers
    manifest: dict[str, Any]
    parts: dict[str, str]

    def window(self, name: str, end: int) -> datetime | None:
        told = self.manifest["windows"][name][end]
        return None if told is None else datetime.fromisoformat(str(told))


def paired(reader: Reader, workspace: Workspace, found: Comparison) -> tuple[Paired, ...]:
    """Each run against the baseline on the test rows that were kept when they were judged."""
    base = found.runs[found.baseline].row
    parts = {run.row.key: _parts(reader, run.row.key) for run in found.runs}
    told: list[Paired] = []
    for run in (one.row for one in found.runs if one.row.key != base.key):
        nameless = next((key for key in (base.key, run.key) if parts[key] is None), None)
        if run.project != base.project:
            told.append(Paired(run.key, base.key, why=f"{run.key[:6]} is of another project"))
        elif nameless is not None:
            told.append(Paired(run.key, base.key, why=f"{nameless[:6]} kept no test rows"))
        elif not workspace.project_file(base.project).is_file():
            told.append(Paired(run.key, base.key, why=f"project {base.project} is gone"))
        else:
            try:
                file = open_project(workspace, base.project).file
                mine, theirs = (_kept(reader, key, parts[key] or {}, file) for key in (run.key, base.key))
                told.append(_judged(reader, file, mine, theirs, among=len(found.runs) - 1))
            except TrainmasterError as error:
                told.append(Paired(run.key, base.key, why=error.message))
    return tuple(told)


def with_paired(found: Comparison, pairs: Sequence[Paired]) -> Comparison:
    """The comparison whose verdicts are the paired ones where there are any, and else say why there are none."""
    whose = [run.row.key[:6] for at, run in enumerate(found.runs) if at != found.baseline]
    plain = {name: says for says in found.verdicts for name in whose if says.startswith(f"{name} ")}
    told = []
    for one in pairs:
        says = plain.get(one.run[:6], "")
        told.append(one.says or (f"{says}; not paired: {one.why}" if says and one.why else says))
    return replace(found, verdicts=tuple(says for says in told if says))


def _judged(reader: Reader, file: ProjectFile, mine: _Kept, theirs: _Kept, *, among: int) -> Paired:
    """The verdict of one run against the baseline, on rows that neither model has learned from."""
    from app.learning.paired import gain_over

    ours, rivals, on = mine.answers, theirs.answers, mine.run
    if not ours.same_rows(rivals):
        older, newer = _by_age(mine, theirs)
        if older is None or newer is None:
            return Paired(mine.run, theirs.run, why=f"{mine.run[:6]} was judged on other rows, and neither is newer")
        again = _answered(reader, older, newer)
        ours, rivals, on = (ours, again, mine.run) if older is theirs else (again, rivals, theirs.run)
    metric = MetricName(file.problem.judged_by)
    verdict, blocks = gain_over(
        rivals, ours, metric, against=theirs.run[:6], quantile=file.problem.quantile,
        resamples=file.evaluation.resamples, seed=file.evaluation.seed, among=among,
    )  # fmt: skip
    whose = "" if ours is mine.answers and rivals is theirs.answers else f" of {on[:6]}"
    says = f"{mine.run[:6]} {verdict.says} (paired over {ours.rows:,} rows{whose} by {blocks})"
    low, high = (getattr(verdict.interval, name, None) for name in ("low", "high"))
    gain = verdict.gain if math.isfinite(verdict.gain) else None
    return Paired(mine.run, theirs.run, str(metric), gain, low, high, verdict.significant, ours.rows, blocks, on, says)


def _by_age(one: _Kept, other: _Kept) -> tuple[_Kept | None, _Kept | None]:
    """The older and the newer of two, when the older one has learned from nothing that the newer was judged on."""
    for older, newer in ((one, other), (other, one)):
        learned_until, judged_from = older.window("train", 1), newer.window("test", 0)
        if learned_until is not None and judged_from is not None and learned_until < judged_from:
            mine = older.window("test", 0)
            if mine is not None and mine < judged_from:
                return older, newer
    return None, None


def _answered(reader: Reader, older: _Kept, newer: _Kept) -> Answers:
    """What the older model answers on the rows of the newer one; raises BadInput when it cannot read them."""
    from app.domain.errors import BadInput
    from app.learning.judged import Judged
    from app.learning.loader import LoadedModel
    from app.learning.package import Package

    parts = [content_of(reader, older.parts[name]) for name in ("manifest", "model_bytes", "canary")]
    model = LoadedModel(Package.of_bytes(parts[0], parts[1], parts[2]))
    if older.manifest["signature"]["classes"] != newer.manifest["signature"]["classes"]:
        raise BadInput(f"{older.run[:6]} answers other classes", next_step="trainmaster runs compare RUN RUN")
    frame = Judged.of_bytes(content_of(reader, newer.parts["judged_on"])).frame
    absent = [name for name in model.signature.names if name not in frame.columns]
    frame = frame.assign(**dict.fromkeys(absent)) if absent else frame
    return replace(newer.answers, predicted=model.predict_frame(frame))


def _parts(reader: Reader, key: str) -> dict[str, str] | None:
    """The digests of a run's version; None when it registered none, or one of before test rows were kept."""
    parts = reader.one(
        """SELECT v.judged_on, v.manifest, v.model_bytes, v.canary
        FROM model_version v JOIN run r ON r.id = v.run_id
        WHERE r.key = :key AND v.judged_on IS NOT NULL ORDER BY v.id DESC LIMIT 1""",
        {"key": key},
    )
    return None if parts is None else {name: str(digest) for name, digest in parts.items()}


def _kept(reader: Reader, key: str, parts: dict[str, str], file: ProjectFile) -> _Kept:
    """What a run's version was judged on; raises Damaged."""
    from app.learning.paired import answers_in

    answers = answers_in(content_of(reader, parts["judged_on"]), file.problem.event_time)
    return _Kept(key, answers, json.loads(content_of(reader, parts["manifest"])), parts)


__all__ = ["Paired", "paired", "with_paired"]
