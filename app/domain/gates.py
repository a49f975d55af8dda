"""Gates: what a model version must reach before it may serve; NaN and infinity never pass."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.gate_order import rank
from app.domain.pricing import Gain
from app.domain.problem import Direction, MetricName, at_least, at_most
from app.domain.project import Gates

NOT_YET = "not made again yet: trainmaster runs reproduce RUN, which writes its verdict here"


@dataclass(frozen=True)
class GateVerdict:
    """What one gate says about one version; None where there is no number, interval or evidence.

    `evidence` names what it was judged by (`artifact:…`, `run:…`, `commit:…`), `against` the version it was compared
    with, `attempt` which challenger since the last promotion it was.
    """

    gate: str
    passed: bool
    value: float | None
    limit: float | None
    says: str
    low: float | None = None
    high: float | None = None
    evidence: str = ""
    against: str = ""
    attempt: int | None = None
    waived: str = ""
    """Who lets it go, until when and why."""

    @property
    def holds(self) -> bool:
        """Whether it stands in nobody's way: it passed, or somebody let it go."""
        return self.passed or bool(self.waived)


@dataclass(frozen=True)
class Finding:
    """A number that a gate compares with its limit, and what it was found by; NaN when it could not be found."""

    value: float
    says: str
    evidence: str = ""


UNKNOWN = Finding(math.nan, "it was not measured")


@dataclass(frozen=True)
class Evidence:
    """What the gates judge: numbers of the version, the baseline and production, all on the same untouched rows."""

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
    over_baseline: Gain | None = None
    over_production: Gain | None = None
    against: str = ""
    attempt: int = 1
    judged_on: str = ""
    """The artifact of the rows that every number comes from."""
    run: str = ""
    worst_slice: Finding = UNKNOWN
    slice_loss: Finding = UNKNOWN
    fairness: Finding = UNKNOWN
    latency_ms: Finding = UNKNOWN
    memory_mb: Finding = UNKNOWN
    schema_problem: str = ""
    schema_says: str = "no version is in production yet"
    contract_problems: Sequence[str] = ("it was not looked at",)
    contract_says: str = ""
    card_missing: Sequence[str] = field(default_factory=tuple)


def judge(evidence: Evidence, gates: Gates) -> tuple[GateVerdict, ...]:
    """The verdicts of every declared gate that the version's own evidence decides, in the order of reading.

    >>> mine, dummy, theirs = {"rmse": 2.0}, {"rmse": 3.0}, {"rmse": 1.5}
    >>> evidence = Evidence(MetricName.RMSE, mine, dummy, theirs, "v1", "abc", False, (), True, "")
    >>> {verdict.gate: verdict.passed for verdict in judge(evidence, Gates())}
    {'finite': True, 'baseline': True, 'production': False, 'schema': True, 'commit': True, 'package': True}
    """
    found = [
        _finite(evidence.model, evidence.metric),
        _baseline(evidence, gates),
        _production(evidence, gates),
        *_limits(evidence, gates),
    ]
    if gates.same_schema:
        says = evidence.schema_problem or evidence.schema_says
        found.append(replace(_said("schema", not evidence.schema_problem, says), against=evidence.against))
    if gates.data_contract:
        problems = "; ".join(evidence.contract_problems)
        found.append(_said("contract", not problems, problems or evidence.contract_says))
    if gates.card_complete:
        gaps = ", ".join(evidence.card_missing)
        says = f"nobody has filled [card] {gaps}" if gaps else "every part of the card is filled"
        found.append(_said("card", not gaps, says))
    if gates.clean_commit:
        found.append(_commit(evidence))
    found.append(_package(evidence))
    if gates.reproducible:
        found.append(_said("reproducible", False, NOT_YET))
    known = (one if one.evidence else replace(one, evidence=_evidence(evidence, one.gate)) for one in found)
    return tuple(sorted(known, key=lambda one: rank(one.gate)))


def failing(verdicts: Sequence[GateVerdict]) -> tuple[str, ...]:
    """The names of the gates that did not pass."""
    return tuple(verdict.gate for verdict in verdicts if not verdict.holds)


def declared(gates: Gates) -> dict[str, float | None]:
    """The gates that a charter declares, with their limits; a gate with two limits has none here.

    >>> sorted(declared(Gates(approvals=2, clean_commit=False)).items())[:3]
    [('approvals', 2.0), ('baseline', 0.0), ('finite', None)]
    """
    limits: dict[str, float | None] = {
        "baseline": gates.minimum_gain_over_baseline,
        "minimum": gates.minimum_value,
        "maximum": gates.maximum_value,
        "calibration": gates.maximum_calibration_error,
        "fairness": gates.maximum_fairness_gap,
        "latency": gates.maximum_latency_ms,
        "memory": gates.maximum_memory_mb,
        "approvals": float(gates.approvals) if gates.approvals else None,
    }
    asked = {
        "slices": gates.minimum_slice_value is not None or gates.maximum_slice_loss is not None,
        "schema": gates.same_schema,
        "contract": gates.data_contract,
        "card": gates.card_complete,
        "commit": gates.clean_commit,
        "ci": gates.green_ci,
        "reproducible": gates.reproducible,
    }
    always = ("finite", "production", "package", *(gate for gate, is_asked in asked.items() if is_asked))
    return {gate: limit for gate, limit in limits.items() if limit is not None} | dict.fromkeys(always)


def _evidence(evidence: Evidence, gate: str) -> str:
    if gate == "commit" and evidence.commit:
        return f"commit:{evidence.commit}"
    if gate in ("finite", "baseline", "production", "slices", "minimum", "maximum", "calibration", "fairness"):
        return evidence.judged_on or evidence.run
    return evidence.run


def _said(gate: str, passed: bool, says: str) -> GateVerdict:
    return GateVerdict(gate, passed, None, None, says)


def _finite(metrics: Mapping[str, float], metric: MetricName) -> GateVerdict:
    broken = [name for name, number in metrics.items() if not math.isfinite(number)]
    if metric not in metrics:
        return _said("finite", False, f"there is no {metric}")
    if broken:
        return _said("finite", False, f"not finite: {', '.join(broken)}")
    return _said("finite", True, f"{len(metrics)} metrics are finite")


def _baseline(evidence: Evidence, gates: Gates) -> GateVerdict:
    """Better than the dummy; where no interval can be had the plain number decides, and says so."""
    value, base = (own.get(evidence.metric, math.nan) for own in (evidence.model, evidence.baseline))
    gain, wanted = evidence.metric.gain(value, base), gates.minimum_gain_over_baseline
    known = evidence.over_baseline or Gain(gain)
    bound = gain if known.low is None else min(known.low, gain)
    passed = at_least(bound, wanted) and (bound > 0 or wanted < 0)
    says = f"{evidence.metric} {value:.4f} against {base:.4f} of the baseline: gain {gain:+.4f}{_sure(known)}"
    return GateVerdict("baseline", passed, _number(gain), wanted, says, _number(known.low), _number(known.high))


def _production(evidence: Evidence, gates: Gates) -> GateVerdict:
    """Better than production by the priced margin; a gain of which nothing sure is known does not pass."""
    wanted, attempt = gates.minimum_gain_over_production, evidence.attempt
    if evidence.production is None:
        says = evidence.production_says or "no version is in production yet"
        return GateVerdict("production", True, None, None, says, against=evidence.against, attempt=attempt)
    value, theirs = (own.get(evidence.metric, math.nan) for own in (evidence.model, evidence.production))
    gain = evidence.metric.gain(value, theirs)
    known = evidence.over_production or Gain(gain, low=gain, high=gain)
    passed = known.low is not None and at_least(min(known.low, gain), wanted)
    tries = f"; challenger {attempt} since the last promotion" if attempt > 1 else ""
    says = f"{evidence.metric} {value:.4f} against {theirs:.4f} of {evidence.production_says}: gain {gain:+.4f}"
    return GateVerdict(
        "production",
        passed,
        _number(gain),
        wanted,
        says + _sure(known) + tries,
        _number(known.low),
        _number(known.high),
        against=evidence.against,
        attempt=attempt,
    )


def _sure(gain: Gain) -> str:
    if gain.low is None:
        return f", bound unknown: {gain.unknown}" if gain.unknown else ""
    return f", at least {gain.low:+.4f} with {gain.level:.4g} certainty" if gain.level > 0.5 else ""


def _limits(evidence: Evidence, gates: Gates) -> list[GateVerdict]:
    metric = evidence.metric
    own = Finding(evidence.model.get(metric, math.nan), str(metric))
    ece = Finding(evidence.model.get(MetricName.ECE, math.nan), "expected calibration error")
    best = "at least" if metric.direction is Direction.HIGHER else "at most"
    found = [
        _limit("slices", evidence.worst_slice, gates.minimum_slice_value, best),
        _limit("slices", evidence.slice_loss, gates.maximum_slice_loss, "at most"),
        _limit("minimum", own, gates.minimum_value, "at least", _better(metric)),
        _limit("maximum", own, gates.maximum_value, "at most", _better(metric)),
        _limit("calibration", ece, gates.maximum_calibration_error, "at most"),
        _limit("fairness", evidence.fairness, gates.maximum_fairness_gap, "at most"),
        _limit("latency", evidence.latency_ms, gates.maximum_latency_ms, "at most"),
        _limit("memory", evidence.memory_mb, gates.maximum_memory_mb, "at most"),
    ]
    by_gate: dict[str, GateVerdict] = {}
    for verdict in found:
        before = by_gate.get(verdict.gate) if verdict is not None else None
        if verdict is not None and (before is None or before.passed):
            by_gate[verdict.gate] = verdict
    return list(by_gate.values())


def _better(metric: MetricName) -> str:
    return f" ({'higher' if metric.direction is Direction.HIGHER else 'lower'} is better)"


def _limit(gate: str, found: Finding, limit: float | None, words: str, after: str = "") -> GateVerdict | None:
    if limit is None:
        return None
    passed = at_least(found.value, limit) if words == "at least" else at_most(found.value, limit)
    shown = f" {found.value:.4g}" if math.isfinite(found.value) else ""
    says = f"{found.says}{shown}, must be {words} {limit:g}{after}"
    return GateVerdict(gate, passed, _number(found.value), limit, says, evidence=found.evidence)


def _commit(evidence: Evidence) -> GateVerdict:
    if evidence.commit is None:
        return _said("commit", False, "the workspace has no commit: git init, git add, git commit")
    if evidence.dirty:
        return _said("commit", False, "the project's files differ from the commit: git commit them")
    return _said("commit", True, f"commit {evidence.commit[:12]}")


def _package(evidence: Evidence) -> GateVerdict:
    if evidence.missing:
        return _said("package", False, f"the package has no {', '.join(evidence.missing)}")
    return _said("package", evidence.canary_ok, evidence.canary_says)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


__all__ = ["Evidence", "Finding", "GateVerdict", "declared", "failing", "judge"]
