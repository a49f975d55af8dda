"""What the evaluation of a version found, from its manifest: verdict, intervals, importances, reliability, reasons."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.errors import Damaged, NotFound
from app.store.queries.content import content_of
from app.store.reader import Reader


@dataclass(frozen=True)
class ImportanceRow:
    """One feature's importances; None where a learner has none."""

    feature: str
    shap: float | None
    gain: float | None
    permutation: float | None


@dataclass(frozen=True)
class BinRow:
    """One bin of the reliability curve."""

    rows: int
    confidence: float
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class EvaluationRow:
    """An evaluation; older versions have an empty one."""

    version: int
    metric: str = ""
    verdict: str = ""
    significant: bool | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    importance: tuple[ImportanceRow, ...] = ()
    reliability: tuple[BinRow, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    blocks: str = ""
    resamples: int = 0
    human: Mapping[str, str] = field(default_factory=dict)


def evaluation_of(reader: Reader, model: str, version: int) -> EvaluationRow:
    """The evaluation of a version; raises NotFound, or Damaged for a manifest that cannot be read."""
    sql = """SELECT v.version, v.manifest FROM model_version v JOIN model m ON m.id = v.model_id
        WHERE m.name = :model AND v.version = :version"""
    row = reader.one(sql, {"model": model, "version": version})
    if row is None:
        raise NotFound(f"there is no version {version} of model {model!r}", next_step="trainmaster models ls")
    return evaluation_in(version, content_of(reader, str(row["manifest"])))


def evaluation_of_run(reader: Reader, run: str) -> EvaluationRow | None:
    """The evaluation of the version that a run registered; None when it registered none. Raises Damaged."""
    sql = """SELECT v.version, v.manifest FROM model_version v JOIN run r ON r.id = v.run_id
        WHERE r.key = :run ORDER BY v.id DESC LIMIT 1"""
    row = reader.one(sql, {"run": run})
    return None if row is None else evaluation_in(int(row["version"]), content_of(reader, str(row["manifest"])))


def evaluation_in(version: int, manifest: bytes) -> EvaluationRow:
    """The evaluation that stands in a manifest; raises Damaged."""
    try:
        document = json.loads(manifest)
        report = document.get("evaluation") or {}
        verdict = report.get("verdict") or {}
        return EvaluationRow(
            version,
            str(report.get("metric", "")),
            str(verdict.get("says", "")),
            verdict.get("significant"),
            {name: (float(low), float(high)) for name, (low, high) in (report.get("intervals") or {}).items()},
            tuple(
                ImportanceRow(str(one["feature"]), one.get("shap"), one.get("gain"), one.get("permutation"))
                for one in report.get("importance") or ()
            ),
            tuple(_bin(one) for one in report.get("reliability") or ()),
            {str(name): str(why) for name, why in (report.get("unknown") or {}).items()},
            str(report.get("blocks", "")),
            int(report.get("resamples", 0)),
            {str(k): str(v) for k, v in ((document.get("card") or {}).get("human") or {}).items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Damaged("the manifest cannot be read", next_step="trainmaster store fsck") from None


def _bin(one: Mapping[str, Any]) -> BinRow:
    return BinRow(
        int(one["rows"]), float(one["confidence"]), float(one["observed"]), float(one["low"]), float(one["high"])
    )


def verdict_of(state: str, error: str, parameters: Mapping[str, str]) -> str | None:
    """The verdict of a training run: what evaluation said, or that its data were rejected and why; None for others.

    >>> verdict_of("failed", "the test rows have one class only", {})
    'rejected: the test rows have one class only'
    """
    if "verdict" in parameters:
        return parameters["verdict"]
    return f"rejected: {error}" if state == "failed" and error else None


__all__ = [
    "BinRow",
    "EvaluationRow",
    "ImportanceRow",
    "evaluation_in",
    "evaluation_of",
    "evaluation_of_run",
    "verdict_of",
]
