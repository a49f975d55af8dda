"""What the gateway does between two looks at its metrics: requests a second, errors, latency, who answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.workspace import Workspace
from app.services.serving.asking import metrics_of, quantile_ms

NAME = "trainmaster_gateway"


@dataclass(frozen=True)
class Counters:
    """The gateway's counters at one moment (seconds of a clock that only rises); buckets are cumulative, in seconds."""

    at: float
    requests: Mapping[tuple[str, str], float] = field(default_factory=dict)
    predictions: Mapping[tuple[str, str], float] = field(default_factory=dict)
    buckets: Mapping[float, float] = field(default_factory=dict)
    in_flight: float = 0.0
    queued_rows: float = 0.0
    dropped_rows: float = 0.0


@dataclass(frozen=True)
class Traffic:
    """One stretch of time; latencies are None while nobody asked. `versions` are rows a second by version."""

    requests_per_s: float = 0.0
    errors_per_s: float = 0.0
    refused_per_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    in_flight: int = 0
    queued_rows: int = 0
    dropped_rows: int = 0
    versions: Mapping[tuple[str, str], float] = field(default_factory=dict)


def look(workspace: Workspace, at: float) -> Counters:
    """The counters now; raises Unavailable when no gateway answers."""
    return counters(metrics_of(workspace), at)


def counters(metrics: Mapping[str, Mapping[str, float]], at: float) -> Counters:
    """The counters that matter here, out of parsed metrics.

    >>> counters({"trainmaster_gateway_requests_total": {'project="p",status="200"': 7.0}}, 1.0).requests
    {('p', '200'): 7.0}
    """
    buckets: dict[float, float] = {}
    for labels, value in metrics.get(f"{NAME}_latency_seconds_bucket", {}).items():
        bound = float(labelled(labels)["le"].replace("+Inf", "inf"))
        buckets[bound] = buckets.get(bound, 0.0) + value
    return Counters(
        at,
        _by_two(metrics.get(f"{NAME}_requests_total", {}), "status"),
        _by_two(metrics.get(f"{NAME}_predictions_total", {}), "version"),
        buckets,
        sum(metrics.get(f"{NAME}_in_flight", {}).values()),
        sum(metrics.get(f"{NAME}_queued_rows", {}).values()),
        sum(metrics.get(f"{NAME}_dropped_rows_total", {}).values()),
    )


def between(before: Counters, after: Counters) -> Traffic:
    """What happened between two looks; a gateway that began anew in between counts from nothing.

    >>> low = Counters(0.0, {("p", "200"): 10}, {}, {0.001: 10, 0.002: 10, float("inf"): 10})
    >>> high = Counters(2.0, {("p", "200"): 18, ("p", "500"): 2}, {}, {0.001: 10, 0.002: 20, float("inf"): 20})
    >>> found = between(low, high)
    >>> found.requests_per_s, found.errors_per_s, found.p50_ms
    (5.0, 1.0, 1.5)
    """
    seconds = max(after.at - before.at, 1e-6)
    began_anew = sum(after.requests.values()) < sum(before.requests.values())
    known = Counters(before.at) if began_anew else before
    rates = {key: (value - known.requests.get(key, 0.0)) / seconds for key, value in after.requests.items()}
    new = {bound: count - known.buckets.get(bound, 0.0) for bound, count in after.buckets.items()}
    return Traffic(
        sum(rates.values()),
        sum(rate for (_, status), rate in rates.items() if status.startswith("5")),
        sum(rate for (_, status), rate in rates.items() if status.startswith("4")),
        quantile_ms(new, 0.5),
        quantile_ms(new, 0.99),
        int(after.in_flight),
        int(after.queued_rows),
        int(max(after.dropped_rows - known.dropped_rows, 0.0)),
        {
            key: rate
            for key, value in after.predictions.items()
            if (rate := (value - known.predictions.get(key, 0.0)) / seconds) > 0
        },
    )


def labelled(text: str) -> dict[str, str]:
    """The labels of a metric; our own names hold neither quotes nor commas.

    >>> labelled('project="p",status="200"')
    {'project': 'p', 'status': '200'}
    """
    pairs = (part.partition("=") for part in text.split(",") if part)
    return {name: value.strip('"') for name, _, value in pairs}


def _by_two(series: Mapping[str, float], second: str) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for text, value in series.items():
        labels = labelled(text)
        key = (labels.get("project", "-"), labels.get(second, ""))
        found[key] = found.get(key, 0.0) + value
    return found


__all__ = ["Counters", "Traffic", "between", "counters", "labelled", "look"]
