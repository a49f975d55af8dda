"""Reading a gateway's metrics."""

import pytest

from app.gateway.metrics import Metrics
from app.services.serving.asking import _buckets, parse_metrics, quantile_ms


def test_quantiles_come_out_of_the_histogram_over_all_projects() -> None:
    metrics = Metrics()
    for milliseconds in range(1, 101):
        metrics.answered("a" if milliseconds % 2 else "b", 200, milliseconds / 1000)

    parsed = parse_metrics(metrics.text().decode())
    buckets = _buckets(parsed["trainmaster_gateway_latency_seconds_bucket"])

    assert quantile_ms(buckets, 0.5) == pytest.approx(50, abs=1)
    assert quantile_ms(buckets, 0.99) == pytest.approx(99, abs=2)


def test_no_request_has_no_latency_and_a_slow_one_the_last_bound() -> None:
    metrics = Metrics()

    assert quantile_ms({}, 0.5) is None

    metrics.answered("a", 200, 60.0)
    buckets = _buckets(parse_metrics(metrics.text().decode())["trainmaster_gateway_latency_seconds_bucket"])

    assert quantile_ms(buckets, 0.5) == 5000
