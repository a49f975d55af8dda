"""Gates: what a model version must reach before it may serve; NaN and infinity never pass."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.problem import Direction, MetricName, at_least, at_most
from app.domain.project import Gates

NOT_YET = "not made again yet: trainmaster runs reproduce RUN, which writes its verdict here"


@dataclass(frozen=True)
class GateVerdict:
    """What one gate says about one version; `value` and `limit` are None where there is no number."""

    gate: str
    passed: bool
    value: float | None
    limit: float | None
    says: str


@dataclass(frozen=True)
class Evidence:
    """What the gates judge: metrics of the version, the baseline and production, all on the same test rows."""

    metric: MetricName
    model: Mapping[str, float]
    baseline: Mapping[str, float]
    production: Mapping[str, float] | None
    production_says: str
    commit: str | None
    dirty: bool
    missing: Sequence[str]
    canary_ok: bool
    canary_says: str


def judge(evidence: Evidence, gates: Gates) -> tuple[GateVerdict, ...]:
    """All verdicts, in the order in which a person reads them.

    >>> mine, dummy, theirs = {"rmse": 2.0}, {"rmse": 3.0}, {"rmse": 1.5}
    >>> evidence = Evidence(MetricName.RMSE, mine, dummy, theirs, "v1", "abc", False, (), True, "")
    >>> {verdict.gate: verdict.passed for verdict in judge(evidence, Gates())}
    {'finite': True, 'baseline': True, 'production': False, 'commit': True, 'package': True}
    """
    metric = evidence.metric
    value = evidence.model.get(metric, math.nan)
    verdicts = [_finite(evidence.model, metric), _baseline(evidence, value, gates), _production(evidence, value, gates)]
    if gates.minimum_value is not None:
        passed = at_least(value, gates.minimum_value)
        verdicts.append(_limit("minimum", metric, passed, value, gates.minimum_value, "at least"))
    if gates.maximum_value is not None:
        passed = at_most(value, gates.maximum_value)
        verdicts.append(_limit("maximum", metric, passed, value, gates.maximum_value, "at most"))
    if gates.clean_commit:
        verdicts.append(_commit(evidence))
    verdicts.append(_package(evidence))
    if gates.reproducible:
        verdicts.append(GateVerdict("reproducible", False, None, None, NOT_YET))
    return tuple(verdicts)


def failing(verdicts: Sequence[GateVerdict]) -> tuple[str, ...]:
    """The names of the gates that did not pass."""
    return tuple(verdict.gate for verdict in verdicts if not verdict.passed)


def _finite(metrics: Mapping[str, float], metric: MetricName) -> GateVerdict:
    broken = [name for name, number in metrics.items() if not math.isfinite(number)]
    if metric not in metrics:
        return GateVerdict("finite", False, None, None, f"there is no {metric}")
    if broken:
        return GateVerdict("finite", False, None, None, f"not finite: {', '.join(broken)}")
    return GateVerdict("finite", True, None, None, f"{len(metrics)} metrics are finite")


def _baseline(evidence: Evidence, value: float, gates: Gates) -> GateVerdict:
    base = evidence.baseline.get(evidence.metric, math.nan)
    gain = evidence.metric.gain(value, base)
    wanted = gates.minimum_gain_over_baseline
    passed = at_least(gain, wanted) and (gain > 0 or wanted < 0)
    says = f"{evidence.metric} {value:.4f} against {base:.4f} of the baseline: gain {gain:+.4f}"
    return GateVerdict("baseline", passed, _number(gain), wanted, says)


def _production(evidence: Evidence, value: float, gates: Gates) -> GateVerdict:
    wanted = gates.minimum_gain_over_production
    if evidence.production is None:
        return GateVerdict(
            "production", True, None, None, evidence.production_says or "no version is in production yet"
        )
    theirs = evidence.production.get(evidence.metric, math.nan)
    gain = evidence.metric.gain(value, theirs)
    says = f"{evidence.metric} {value:.4f} against {theirs:.4f} of {evidence.production_says}: gain {gain:+.4f}"
    return GateVerdict("production", at_least(gain, wanted), _number(gain), wanted, says)


def _limit(gate: str, metric: MetricName, passed: bool, value: float, limit: float, words: str) -> GateVerdict:
    better = "higher" if metric.direction is Direction.HIGHER else "lower"
    says = f"{metric} {value:.4f}, must be {words} {limit:g} ({better} is better)"
    return GateVerdict(gate, passed, _number(value), limit, says)


def _commit(evidence: Evidence) -> GateVerdict:
    if evidence.commit is None:
        return GateVerdict("commit", False, None, None, "the workspace has no commit: git init, git add, git commit")
    if evidence.dirty:
        return GateVerdict("commit", False, None, None, "the project's files differ from the commit: git commit them")
    return GateVerdict("commit", True, None, None, f"commit {evidence.commit[:12]}")


def _package(evidence: Evidence) -> GateVerdict:
    if evidence.missing:
        return GateVerdict("package", False, None, None, f"the package has no {', '.join(evidence.missing)}")
    return GateVerdict("package", evidence.canary_ok, None, None, evidence.canary_says)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
