"""Two to twelve runs side by side: parameters, metrics with intervals, features, packages; verdicts in words."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.errors import Usage
from app.domain.problem import MetricName
from app.store.queries.runs.detail import RunDetail, metrics_of, parameters_of, run_detail
from app.store.queries.runs.notes import baseline_of
from app.store.reader import Reader

FEWEST, MOST = 2, 12
Value = str | float | None
_KNOWN = {str(name): name for name in MetricName}


@dataclass(frozen=True)
class Line:
    """One thing that the runs have in common or not: its value in each run, None where a run does not have it.

    `margins` are half the widths of the intervals of a metric; `differs` marks the values that are not the baseline's.
    """

    name: str
    values: tuple[Value, ...]
    differs: tuple[bool, ...]
    margins: tuple[float | None, ...] = ()

    @property
    def same(self) -> bool:
        """Whether all runs have the baseline's value."""
        return not any(self.differs)


@dataclass(frozen=True)
class Section:
    """Lines of one kind."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other; `baseline` is the index of the one that the others are compared with."""

    runs: tuple[RunDetail, ...]
    baseline: int
    pinned: bool
    sections: tuple[Section, ...]
    verdicts: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the runs."""
        return tuple(run.row.key for run in self.runs)

    def counts(self) -> tuple[int, int]:
        """How many lines differ, and how many there are."""
        lines = [line for section in self.sections for line in section.lines]
        return sum(not line.same for line in lines), len(lines)


def compare_runs(reader: Reader, keys: Sequence[str], *, baseline: str | None = None) -> Comparison:
    """Compare runs with a baseline: the named one, else the pinned one when it is among them, else the first.

    A pinned baseline that is not among them is put in front. Raises Usage unless 2 to 12 runs remain, NotFound.
    """
    details = {detail.row.key: detail for detail in (run_detail(reader, key) for key in keys)}
    pins = {detail.row.project: baseline_of(reader, detail.row.project) for detail in details.values()}
    pin = next((key for key in pins.values() if key), None) if len(pins) == 1 else None
    first = run_detail(reader, baseline).row.key if baseline else pin
    if first is not None and first not in details:
        details = {first: run_detail(reader, first), **details}
    if not FEWEST <= len(details) <= MOST:
        raise Usage(
            f"{len(details)} {'run is' if len(details) == 1 else 'runs are'} not {FEWEST} to {MOST}",
            next_step="trainmaster runs compare RUN RUN",
        )
    runs = tuple(details.values())
    at = next((at for at, run in enumerate(runs) if run.row.key == first), 0)
    metrics = [metrics_of(reader, run.row.key) for run in runs]
    sections = (
        section_of("run", [_facts(run) for run in runs], at),
        section_of("parameters", [parameters_of(reader, run.row.key) for run in runs], at),
        _metric_section(metrics, at),
        section_of("features", [_features(reader, run.row.key) for run in runs], at),
        section_of("packages", [_packages(run) for run in runs], at),
    )
    verdicts = _verdicts(runs, metrics, at)
    return Comparison(runs, at, first is not None and first == pin, tuple(s for s in sections if s.lines), verdicts)


def _facts(run: RunDetail) -> dict[str, Value]:
    row = run.row
    return {
        "flow": row.flow,
        "project": row.project,
        "state": row.state,
        "seed": None if run.seed is None else str(run.seed),
        "commit": run.commit and run.commit[:12],
        "dirty": None if run.dirty is None else ("yes" if run.dirty else "no"),
        "charter": run.charter_digest and run.charter_digest[:12],
        "duration, s": row.duration_s,
        "peak memory, MB": None if run.peak_rss_bytes is None else round(run.peak_rss_bytes / 2**20, 1),
    }


def _packages(run: RunDetail) -> dict[str, Value]:
    try:
        found = json.loads(run.environment)
    except ValueError:
        return {}
    packages = found.pop("packages", None) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return {}
    flat = {name: str(value) for name, value in found.items() if isinstance(value, str | int | float) and value != ""}
    if "lock_digest" in flat:
        flat["lock_digest"] = flat["lock_digest"][:12]
    listed = packages if isinstance(packages, dict) else {}
    return {**flat, **{str(name): str(version) for name, version in sorted(listed.items())}}


def _features(reader: Reader, key: str) -> dict[str, Value]:
    """Version, views and columns of the features that a run was trained on."""
    sql = "SELECT from_key FROM lineage_edge WHERE to_kind = 'run' AND to_key = :key AND from_kind = 'features'"
    name, _, version = str(reader.value(sql, {"key": key}) or "").rpartition("/v")
    if not version.isdecimal():
        return {}
    sql = """SELECT f.rows, f.views FROM feature_set f JOIN project p ON p.id = f.project_id
        WHERE p.name = :name AND f.version = :version"""
    row = reader.one(sql, {"name": name, "version": int(version)})
    if row is None:
        return {}
    found: dict[str, Value] = {"version": f"{name}/v{version}", "rows": str(row["rows"])}
    try:
        views = json.loads(row["views"])
        for label, view in sorted(views.items()):
            found[f"view {label}"] = f"version {view.get('version')}"
            for column in view.get("columns") or ():
                kind = column.get("kind", "there") if isinstance(column, dict) else "there"
                found[f"{label}.{column['name'] if isinstance(column, dict) else column}"] = str(kind)
    except (ValueError, AttributeError, KeyError, TypeError):
        return found
    return found


def section_of(name: str, sides: Sequence[Mapping[str, Value]], at: int) -> Section:
    """Lines for all that any side has; `at` is the baseline's place."""
    names = dict.fromkeys(key for side in sides for key in side)
    return Section(name, tuple(line_of(key, [side.get(key) for side in sides], at) for key in names))


def line_of(name: str, values: Sequence[Value], at: int, margins: Iterable[float | None] = ()) -> Line:
    """One line; values that are not those of the baseline at `at` are marked."""
    return Line(name, tuple(values), tuple(not _equal(value, values[at]) for value in values), tuple(margins))


def _equal(one: Value, other: Value) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return one == other


def _metric_section(sides: Sequence[Mapping[str, float]], at: int) -> Section:
    names = dict.fromkeys(key for side in sides for key in side if not key.endswith((".low", ".high")))
    lines = [line_of(key, [s.get(key) for s in sides], at, [margin_of(s, key) for s in sides]) for key in names]
    return Section("metrics", tuple(lines))


def margin_of(metrics: Mapping[str, float], key: str) -> float | None:
    """Half the width of a metric's interval (`key.low` to `key.high`), or None when it has none.

    >>> margin_of({"auc": 0.7, "auc.low": 0.69, "auc.high": 0.71}, "auc"), margin_of({"auc": 0.7}, "auc")
    (0.01, None)
    """
    low, high = metrics.get(f"{key}.low"), metrics.get(f"{key}.high")
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return round((high - low) / 2, 12)


def _verdicts(runs: Sequence[RunDetail], metrics: Sequence[Mapping[str, float]], at: int) -> tuple[str, ...]:
    """What the numbers say about each run next to the baseline, in the project's own metric."""
    base = runs[at].row
    told = []
    for run, values in zip(runs, metrics, strict=True):
        if run.row.key == base.key:
            continue
        shared = (str(name) for name in MetricName if name in values and name in metrics[at])
        key = run.row.metric or base.metric or next(shared, None)
        sentence = verdict_of(key, run.row.key[:6], values, base.key[:6], metrics[at]) if key else ""
        told += [sentence] if sentence else []
    return tuple(told)


def verdict_of(key: str, name: str, values: Mapping[str, float], rival: str, others: Mapping[str, float]) -> str:
    """One sentence about two runs and a metric; nothing when either has no number.

    Intervals that overlap settle nothing: both were drawn from their own rows, so only apart is apart.

    >>> ours = {"auc": 0.874, "auc.low": 0.870, "auc.high": 0.878}
    >>> verdict_of("auc", "7f35", ours, "7e02", {"auc": 0.871, "auc.low": 0.867, "auc.high": 0.875})
    '7f35 beats 7e02 by .003 auc, inside ±.004: not significant'
    >>> verdict_of("log_loss", "a", {"log_loss": 0.5}, "b", {"log_loss": 0.4})
    'a is behind b by .100 log_loss; no interval is known'
    """
    mine, theirs = values.get(key), others.get(key)
    if mine is None or theirs is None or not (math.isfinite(mine) and math.isfinite(theirs)):
        return ""
    known = _KNOWN.get(key)
    gain = known.gain(mine, over=theirs) if known is not None else mine - theirs
    if gain == 0:
        return f"{name} and {rival} have the same {key}"
    size = _short(abs(gain))
    verb = "beats" if gain > 0 else "is behind"
    margins = [margin for margin in (margin_of(values, key), margin_of(others, key)) if margin is not None]
    if len(margins) < 2:
        return f"{name} {verb} {rival} by {size} {key}; no interval is known"
    reach = _short(max(margins))
    inside = values[f"{key}.low"] <= others[f"{key}.high"] and others[f"{key}.low"] <= values[f"{key}.high"]
    end = f"inside ±{reach}: not significant" if inside else f"outside ±{reach}: significant"
    return f"{name} {verb} {rival} by {size} {key}, {end}"


def _short(size: float) -> str:
    """A size with three digits, or with as many as it takes to be more than nothing.

    >>> _short(0.0312), _short(0.00003), _short(12.5)
    ('.031', '.00003', '12.500')
    """
    digits = 3 if size >= 0.0005 or size == 0 else 1 - math.floor(math.log10(size)) - 1
    return f"{size:.{digits}f}".removeprefix("0")


def as_documents(found: Comparison, *, everything: bool) -> dict[str, Any]:
    """The comparison as plain values, only differences unless `everything`."""
    return {
        "runs": list(found.keys),
        "baseline": found.keys[found.baseline],
        "pinned": found.pinned,
        "verdicts": list(found.verdicts),
        **{
            section.name: {
                line.name: {
                    "values": dict(zip(found.keys, line.values, strict=True)),
                    **({"margins": dict(zip(found.keys, line.margins, strict=True))} if any(line.margins) else {}),
                }
                for line in section.lines
                if everything or not line.same
            }
            for section in found.sections
        },
    }


__all__ = [
    "Comparison",
    "Line",
    "Section",
    "as_documents",
    "compare_runs",
    "line_of",
    "margin_of",
    "section_of",
    "verdict_of",
]
