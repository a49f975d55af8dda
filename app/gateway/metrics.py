"""What Prometheus may scrape of a gateway, in a registry of its own."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    """Counters, gauges and the latency histogram of one gateway process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        name = "trainmaster_gateway"
        self.requests = Counter(
            f"{name}_requests", "Answers by project and HTTP status", ["project", "status"], registry=self.registry
        )
        self.predictions = Counter(
            f"{name}_predictions",
            "Records answered by project and version",
            ["project", "version"],
            registry=self.registry,
        )
        self.latency = Histogram(
            f"{name}_latency_seconds",
            "From the request's first byte in the application to its answer",
            ["project"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge(f"{name}_in_flight", "Requests that are being answered", registry=self.registry)
        self.version = Gauge(f"{name}_model_version", "The version that answers", ["project"], registry=self.registry)
        self.swaps = Counter(f"{name}_swaps", "Versions put in front of requests", ["project"], registry=self.registry)
        self.failed_loads = Counter(
            f"{name}_failed_loads", "Versions that could not be loaded", ["project"], registry=self.registry
        )
        self.logged = Counter(f"{name}_logged_rows", "Predictions written to the log", registry=self.registry)
        self.dropped = Counter(
            f"{name}_dropped_rows", "Predictions that the log could not take", registry=self.registry
        )
        self.queued = Gauge(f"{name}_queued_rows", "Predictions that wait to be written", registry=self.registry)

        self._answered = cache(lambda project, status: self.requests.labels(project, str(status)))
        self._predicted = cache(lambda project, version: self.predictions.labels(project, str(version)))
        self._took = cache(self.latency.labels)

    def answered(self, project: str, status: int, seconds: float) -> None:
        """Count an answer and the time it took."""
        self._answered(project, status).inc()
        self._took(project).observe(seconds)

    def refused(self, status: int) -> None:
        """Count a request that the guard turned away."""
        self._answered("-", status).inc()

    def predicted(self, project: str, version: int, rows: int) -> None:
        """Count records that a version answered."""
        self._predicted(project, version).inc(rows)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)


__all__ = ["BUCKETS_S", "Metrics"]
