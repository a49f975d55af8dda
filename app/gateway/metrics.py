"""What Prometheus may scrape of a gateway, added up over its processes; counting in the hot path costs nanoseconds."""

from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from app.gateway.counters import Counters, added_up

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
PREFIX = "trainmaster_gateway"
COUNTERS = {
    "requests": ("Answers by project and HTTP status", ("project", "status")),
    "predictions": ("Records answered by project and version", ("project", "version")),
    "swaps": ("Versions put in front of requests", ("project",)),
    "failed_loads": ("Versions that could not be loaded", ("project",)),
    "logged_rows": ("Predictions written to the log", ()),
    "dropped_rows": ("Predictions that the log could not take", ()),
    "shadow_dropped": ("Requests that a candidate in the shadow had no time for", ("project",)),
    "returns": ("Candidates that the gateway let go of by itself", ("project",)),
}
GAUGES = {
    "in_flight": ("Requests that are being answered", ()),
    "queued_rows": ("Predictions that wait to be written", ()),
    "processes": ("Processes that answer", ()),
    "connections": ("Open connections", ()),
    "model_version": ("The version that answers", ("project",)),
}
NOT_ADDED = frozenset({"model_version"})
"""Gauges that say the same in every process."""


class Metrics:
    """Counters, gauges and the latency histogram of one process, in a file that its siblings may read."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._counters = Counters(file)
        self._values = self._counters.values
        for slot in [self._counters.slot(name) for name in ("logged_rows", "dropped_rows")]:
            self._values[slot] += 0
        for name in GAUGES:
            if not GAUGES[name][1]:
                self._values[self._counters.slot(name)] = 0
        self.gauge("processes", 1)
        self._answered: dict[tuple[str, int], int] = {}
        self._predicted: dict[tuple[str, int], int] = {}
        self._latency: dict[str, tuple[list[int], int]] = {}

    def answered(self, project: str, status: int, seconds: float) -> None:
        """Count an answer and the time it took."""
        slot = self._answered.get((project, status))
        if slot is None:
            slot = self._answered[project, status] = self._counters.slot(f"requests|{project}|{status}")
        self._values[slot] += 1
        found = self._latency.get(project)
        if found is None:
            buckets = [self._counters.slot(f"latency|{project}|{at}") for at in range(len(BUCKETS_S) + 1)]
            found = self._latency[project] = (buckets, self._counters.slot(f"latency_sum|{project}"))
        self._values[found[0][bisect_left(BUCKETS_S, seconds)]] += 1
        self._values[found[1]] += seconds

    def refused(self, status: int) -> None:
        """Count a request that the guard turned away."""
        self.count("requests", "-", str(status))

    def predicted(self, project: str, version: int, rows: int) -> None:
        """Count records that a version answered."""
        slot = self._predicted.get((project, version))
        if slot is None:
            slot = self._predicted[project, version] = self._counters.slot(f"predictions|{project}|{version}")
        self._values[slot] += rows

    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter of COUNTERS."""
        self._values[self._counters.slot("|".join((name, *labels)))] += by

    def gauge(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge of GAUGES."""
        self._values[self._counters.slot("|".join((name, *labels)))] = value

    def text(self) -> bytes:
        """The metrics of all processes in Prometheus' text format."""
        others = self._file.parent.glob(f"{self._file.stem.partition('-')[0]}-*.counters") if self._file else ()
        return render(self._counters, [file for file in others if file != self._file])


def render(own: Counters, others: Iterable[Path] = ()) -> bytes:
    """Numbers in Prometheus' text format (0.0.4)."""
    total = added_up(own, others)
    total |= {name: value for name, value in own.read().items() if name.partition("|")[0] in NOT_ADDED}
    lines: list[str] = []
    for kind, table in (("counter", COUNTERS), ("gauge", GAUGES)):
        for name, (says, labels) in table.items():
            full = f"{PREFIX}_{name}" + ("_total" if kind == "counter" else "")
            lines += [f"# HELP {full} {says}", f"# TYPE {full} {kind}"]
            for series, value in sorted(total.items()):
                head, *values = series.split("|")
                if head == name:
                    lines.append(f"{full}{_labels(dict(zip(labels, values, strict=False)))} {value!r}")
    return ("\n".join([*lines, *_histogram(total)]) + "\n").encode()


def _histogram(total: dict[str, float]) -> list[str]:
    full = f"{PREFIX}_latency_seconds"
    lines = [
        f"# HELP {full} From the request's first byte in the application to its answer",
        f"# TYPE {full} histogram",
    ]
    for project in sorted({name.split("|")[1] for name in total if name.startswith("latency|")}):
        count = 0.0
        for at, bound in enumerate((*BUCKETS_S, float("inf"))):
            count += total.get(f"latency|{project}|{at}", 0.0)
            shown = "+Inf" if at == len(BUCKETS_S) else repr(bound)
            lines.append(f"{full}_bucket{_labels({'project': project, 'le': shown})} {count!r}")
        lines.append(f"{full}_count{_labels({'project': project})} {count!r}")
        lines.append(f"{full}_sum{_labels({'project': project})} {total.get(f'latency_sum|{project}', 0.0)!r}")
    return lines


def _labels(values: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in values.items()) + "}" if values else ""


__all__ = ["BUCKETS_S", "Metrics", "render"]
