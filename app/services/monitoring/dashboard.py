"""The Grafana dashboard of a workspace: a file to import; every query in it speaks of metrics that `/metrics` has."""

from dataclasses import dataclass

SCHEMA = 39
WIDTH = 24
DRIFT = 'trainmaster_signal{kind=~"drift|prediction"} / on (project, version, signal, kind) trainmaster_signal_limit'


@dataclass(frozen=True)
class Drawn:
    """One panel: its title, its PromQL queries with the legend of each, unit, and how it is drawn."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7


PANELS = (
    Drawn(
        "Open alerts",
        (('sum by (severity) (trainmaster_alerts{state="open"})', "{{severity}}"),),
        kind="stat",
        width=6,
        height=4,
    ),
    Drawn("Silent", (("sum(trainmaster_silent)", "services"),), kind="stat", width=6, height=4),
    Drawn("Services up", (("sum(trainmaster_service_up)", "up"),), kind="stat", width=6, height=4),
    Drawn(
        "Version that answers", (("trainmaster_gateway_model_version", "{{project}}"),), kind="stat", width=6, height=4
    ),
    Drawn(
        "Requests a second",
        (("sum by (project, status) (rate(trainmaster_gateway_requests_total[5m]))", "{{project}} {{status}}"),),
        "reqps",
    ),
    Drawn(
        "Latency",
        (
            ("histogram_quantile(0.5, sum by (le) (rate(trainmaster_gateway_latency_seconds_bucket[5m])))", "p50"),
            ("histogram_quantile(0.95, sum by (le) (rate(trainmaster_gateway_latency_seconds_bucket[5m])))", "p95"),
            ("histogram_quantile(0.99, sum by (le) (rate(trainmaster_gateway_latency_seconds_bucket[5m])))", "p99"),
        ),
        "s",
    ),
    Drawn(
        "Queue",
        (
            ("trainmaster_gateway_in_flight", "in flight"),
            ("trainmaster_gateway_queued_rows", "rows to be logged"),
            ("rate(trainmaster_gateway_dropped_rows_total[5m])", "rows dropped a second"),
        ),
    ),
    Drawn(
        "Errors",
        (('sum(rate(trainmaster_gateway_requests_total{status=~"5.."}[5m]))', "5xx a second"),),
        "reqps",
    ),
    Drawn("Quality, realised", (('trainmaster_signal{kind="quality"}', "{{project}} {{signal}}"),)),
    Drawn("Drift against its limit", ((DRIFT, "{{signal}}"),), "percentunit"),
    Drawn("Signals past their limit", (("sum by (project) (trainmaster_signal_breached)", "{{project}}"),)),
    Drawn(
        "Labels known", (("trainmaster_report_labelled_rows / trainmaster_report_rows", "{{project}}"),), "percentunit"
    ),
    Drawn("Age of the newest report", (("time() - trainmaster_report_timestamp_seconds", "{{project}}"),), "s"),
    Drawn(
        "Machine",
        (('trainmaster_health{signal=~"machine.(cpu|memory|disk)|machine.gpu.*",unit="%"}', "{{signal}}"),),
        "percent",
    ),
    Drawn("Days until the disk is full", (('trainmaster_health{signal="machine.disk_full_in"}', "days"),), "d"),
    Drawn("Freshness", (('trainmaster_health{kind="freshness"}', "{{scope}} {{signal}}"),), "h"),
    Drawn("Health past its limit", (("trainmaster_health_breached == 1", "{{scope}} {{signal}}"),), kind="table"),
    Drawn("Runs", (("sum by (flow, state) (trainmaster_runs)", "{{flow}} {{state}}"),)),
    Drawn("How long runs take", (("trainmaster_run_duration_seconds", "{{project}} {{flow}}"),), "s"),
    Drawn("Peak memory of runs", (("trainmaster_run_peak_memory_bytes", "{{project}} {{flow}}"),), "bytes"),
    Drawn("Heartbeats", (("trainmaster_heartbeat_age_seconds", "{{service}}"),), "s"),
    Drawn("Restarts", (("trainmaster_service_restarts", "{{service}}"),)),
    Drawn("Decisions about retrains", (("sum by (retrain) (trainmaster_decisions)", "{{retrain}}"),)),
    Drawn("Hooks", (("sum by (state) (trainmaster_notices)", "{{state}}"),)),
)


def dashboard() -> dict[str, object]:
    """The dashboard as Grafana imports it; its data source is chosen there.

    >>> found = dashboard()
    >>> found["title"], len(found["panels"]) > 20
    ('Trainmaster', True)
    """
    panels: list[dict[str, object]] = []
    x, y, tallest = 0, 0, 0
    for number, panel in enumerate(PANELS, start=1):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        panels.append(_panel(number, panel, x, y))
        x, tallest = x + panel.width, max(tallest, panel.height)
    source = {
        "name": "DS_PROMETHEUS", "label": "Prometheus", "description": "", "type": "datasource",
        "pluginId": "prometheus", "pluginName": "Prometheus",
    }  # fmt: skip
    return {
        "__inputs": [source],
        "uid": "trainmaster",
        "title": "Trainmaster",
        "tags": ["trainmaster"],
        "timezone": "browser",
        "schemaVersion": SCHEMA,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": panels,
    }


def queries() -> tuple[str, ...]:
    """Every PromQL query of the dashboard."""
    return tuple(query for panel in PANELS for query, _ in panel.queries)


def _panel(number: int, panel: Drawn, x: int, y: int) -> dict[str, object]:
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    instant = panel.kind in ("stat", "table")
    return {
        "id": number,
        "title": panel.title,
        "type": panel.kind,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": source,
                "expr": query,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
            }
            for at, (query, legend) in enumerate(panel.queries)
        ],
    }


__all__ = ["dashboard", "queries"]
