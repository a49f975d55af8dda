"""Gates: the right way round, and NaN never passes."""

import math
from dataclasses import replace

import pytest

from app.domain.gates import Evidence, failing, judge
from app.domain.problem import MetricName
from app.domain.project import Gates

GOOD = Evidence(
    metric=MetricName.AUC,
    model={"auc": 0.72},
    baseline={"auc": 0.5},
    production=None,
    production_says="",
    commit="abcdef",
    dirty=False,
    missing=(),
    canary_ok=True,
    canary_says="3 answers equal the stored ones",
)


def test_a_good_version_passes_every_gate() -> None:
    verdicts = judge(GOOD, Gates(minimum_value=0.7, maximum_value=0.8))

    assert failing(verdicts) == ()
    order = ["finite", "baseline", "production", "minimum", "maximum", "schema", "commit", "package"]
    assert [v.gate for v in verdicts] == order


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_passes(bad: float) -> None:
    gates = Gates(minimum_value=-1e308, maximum_value=1e308, minimum_gain_over_baseline=-1e308)

    verdicts = judge(replace(GOOD, model={"auc": bad}, production={"auc": 0.1}), gates)

    assert set(failing(verdicts)) == {"finite", "baseline", "production", "minimum", "maximum"}
    assert all(v.value is None or math.isfinite(v.value) for v in verdicts)


@pytest.mark.parametrize(("mine", "passes"), [(2.0, True), (3.0, True), (3.1, False)])
def test_a_lower_is_better_metric_is_gated_the_right_way_round(mine: float, passes: bool) -> None:
    evidence = replace(
        GOOD,
        metric=MetricName.RMSE,
        model={"rmse": mine},
        baseline={"rmse": 9.0},
        production={"rmse": 3.0},
        production_says="v1 in production",
    )

    verdicts = {v.gate: v for v in judge(evidence, Gates(maximum_value=3.05))}

    assert verdicts["production"].passed is passes
    assert verdicts["maximum"].passed is (mine <= 3.05)


def test_being_equal_to_the_baseline_is_no_gain_and_to_production_is_no_loss() -> None:
    evidence = replace(GOOD, model={"auc": 0.5}, production={"auc": 0.5}, production_says="v1")

    assert failing(judge(evidence, Gates())) == ("baseline",)


def test_a_nan_production_does_not_let_a_challenger_through() -> None:
    evidence = replace(GOOD, production={"auc": math.nan}, production_says="v1")

    assert failing(judge(evidence, Gates())) == ("production",)


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"commit": None}, "commit"),
        ({"dirty": True}, "commit"),
        ({"missing": ("signature",)}, "package"),
        ({"canary_ok": False}, "package"),
        ({"model": {}}, "finite"),
    ],
)
def test_each_gate_can_fail(change: dict[str, object], gate: str) -> None:
    assert gate in failing(judge(replace(GOOD, **change), Gates()))  # type: ignore[arg-type]
