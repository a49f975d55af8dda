"""What Prometheus may scrape of the store: signals, health, alerts, runs, heartbeats; read anew at most every 2 s."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.store.moments import parse_utc
from app.store.queries.health import health_signals, heartbeats
from app.store.queries.monitoring import reports, signals_of
from app.store.reader import Reader

KEPT_S = 2.0
PREFIX = "trainmaster"
log = logging.getLogger(__name__)


class StoreMetrics(Collector):
    """A collector over the store; a store that does not answer is a metric too, and never a failed scrape."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()
        self._text, self._at = b"", 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format; blocks while it reads, so call it from a thread."""
        with self._lock:
            if time.monotonic() - self._at > KEPT_S:
                self._text = generate_latest(self._registry)
                self._at = time.monotonic()
            return self._text

    def describe(self) -> list[Metric]:
        """Nothing: what there is depends on the store."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, and whether the store could be read."""
        try:
            families = [*self._signals(), *self._health(), *self._alerts(), *self._runs(), *self._services()]
        except Exception:
            log.exception("the store could not be scraped")
            families = []
        yield from families
        yield _gauge("store_up", "Whether the store could be read", [], [([], 1.0 if families else 0.0)])

    def _signals(self) -> list[Metric]:
        value, limit, breached = [], [], []
        rows, labelled, when = [], [], []
        seen: set[str] = set()
        for report in reports(self._reader, limit=50):
            if report.project in seen:
                continue
            seen.add(report.project)
            rows.append(([report.project], float(report.rows)))
            labelled.append(([report.project], float(report.labelled_rows)))
            when.append(([report.project], parse_utc(report.created_at).timestamp()))
            for one in signals_of(self._reader, report.key):
                labels = [report.project, str(report.version), one.name, one.kind]
                value.append((labels, one.value))
                breached.append((labels, float(one.breached)))
                if one.limit_value is not None:
                    limit.append((labels, one.limit_value))
        names = ["project", "version", "signal", "kind"]
        return [
            _gauge("signal", "A signal of the newest report", names, value),
            _gauge("signal_limit", "The limit of a signal", names, limit),
            _gauge("signal_breached", "Whether a signal is past its limit", names, breached),
            _gauge("report_rows", "Rows of the newest report", ["project"], rows),
            _gauge("report_labelled_rows", "Rows of the newest report whose label is known", ["project"], labelled),
            _gauge("report_timestamp_seconds", "When the newest report was written", ["project"], when),
        ]

    def _health(self) -> list[Metric]:
        names = ["scope", "signal", "kind", "unit"]
        value, limit, breached = [], [], []
        for one in health_signals(self._reader):
            labels = [one.scope, one.name, one.kind, one.unit]
            breached.append((labels, float(one.breached)))
            if one.value is not None:
                value.append((labels, one.value))
            if one.limit_value is not None:
                limit.append((labels, one.limit_value))
        return [
            _gauge("health", "A signal of health at the last look", names, value),
            _gauge("health_limit", "The limit of a signal of health", names, limit),
            _gauge("health_breached", "Whether a signal of health is past its limit", names, breached),
        ]

    def _alerts(self) -> list[Metric]:
        alerts = self._reader.rows(
            "SELECT coalesce(p.name, '') AS project, a.severity, a.state, count(*) AS count FROM alert a "
            "LEFT JOIN project p ON p.id = a.project_id GROUP BY 1, 2, 3"
        )
        decisions = self._reader.rows(
            "SELECT p.name AS project, d.retrain, count(*) AS count FROM decision d "
            "JOIN project p ON p.id = d.project_id GROUP BY 1, 2"
        )
        notices = self._reader.rows("SELECT state, count(*) AS count FROM notice GROUP BY 1")
        return [
            _gauge(
                "alerts",
                "Alerts by severity and state",
                ["project", "severity", "state"],
                [([row["project"], row["severity"], row["state"]], float(row["count"])) for row in alerts],
            ),
            _gauge(
                "decisions",
                "Decisions about retrains",
                ["project", "retrain"],
                [([row["project"], "yes" if row["retrain"] else "no"], float(row["count"])) for row in decisions],
            ),
            _gauge(
                "notices", "What hooks were to tell", ["state"], [([r["state"]], float(r["count"])) for r in notices]
            ),
        ]

    def _runs(self) -> list[Metric]:
        counts = self._reader.rows(
            "SELECT p.name AS project, r.flow, r.state, count(*) AS count FROM run r "
            "JOIN project p ON p.id = r.project_id GROUP BY 1, 2, 3"
        )
        last = self._reader.rows(
            "SELECT p.name AS project, r.flow, r.duration_s, r.peak_rss_bytes FROM run r "
            "JOIN project p ON p.id = r.project_id WHERE r.id IN "
            "(SELECT max(id) FROM run WHERE state = 'completed' GROUP BY project_id, flow)"
        )
        names = ["project", "flow"]
        return [
            _gauge(
                "runs",
                "Runs by state",
                [*names, "state"],
                [([row["project"], row["flow"], row["state"]], float(row["count"])) for row in counts],
            ),
            _gauge(
                "run_duration_seconds",
                "How long the newest completed run of a flow took",
                names,
                [([row["project"], row["flow"]], row["duration_s"]) for row in last if row["duration_s"] is not None],
            ),
            _gauge(
                "run_peak_memory_bytes",
                "The peak memory of the newest completed run of a flow",
                names,
                [
                    ([row["project"], row["flow"]], float(row["peak_rss_bytes"]))
                    for row in last
                    if row["peak_rss_bytes"] is not None
                ],
            ),
        ]

    def _services(self) -> list[Metric]:
        rows = self._reader.rows("SELECT name, state, restarts FROM service")
        beats = heartbeats(self._reader, datetime.now(UTC))
        return [
            _gauge(
                "service_up", "Whether a service is up", ["service"],
                [([row["name"]], float(row["state"] == "up")) for row in rows],
            ),
            _gauge(
                "service_restarts", "How often a service was restarted", ["service"],
                [([row["name"]], float(row["restarts"])) for row in rows],
            ),
            _gauge(
                "heartbeat_age_seconds", "Since when a service has not said that it works", ["service"],
                [([beat.name], beat.age_s) for beat in beats],
            ),
            _gauge(
                "silent", "Whether a service should have spoken and has not", ["service"],
                [([beat.name], float(beat.silent_s is not None)) for beat in beats],
            ),
        ]  # fmt: skip


def _gauge(name: str, says: str, labels: list[str], samples: list[tuple[list[str], float]]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", says, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family


__all__ = ["KEPT_S", "StoreMetrics"]
