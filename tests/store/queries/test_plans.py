"""No list that a screen polls reads a whole table: SQLite's own plan says so, at ten thousand runs."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from app.store.queries import (
    audit,
    charter,
    data,
    features,
    infrastructure,
    lineage,
    monitoring,
    overview,
    registry,
    runs,
    serving,
)
from app.store.reader import Reader
from app.store.tables import metadata

SMALL = {"project", "service", "lease", "model", "charter_version"}
"""Tables with a row or a few per project: reading all of them is what their lists are for."""


class Explaining(Reader):
    """A reader that keeps the plan of each query it runs, and the queries that sort a whole scan of runs."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.plans: list[tuple[str, str]] = []
        self.sorts: list[str] = []

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """Run a query and keep its plan."""
        steps = super().rows("EXPLAIN QUERY PLAN " + sql, parameters)
        self.plans += [(row["detail"], sql) for row in steps]
        scans = {row["parent"] for row in steps if re.match(r"SCAN r\b", row["detail"])}
        sorts = [row for row in steps if "TEMP B-TREE FOR ORDER BY" in row["detail"]]
        self.sorts += [sql for row in sorts if row["parent"] in scans]
        return super().rows(sql, parameters)


HOT: dict[str, Callable[[Reader], object]] = {
    "page of runs": lambda r: runs.page_of_runs(r),
    "second page of runs": lambda r: runs.page_of_runs(r, after=(900, 900)),
    "page by start": lambda r: runs.page_of_runs(r, sort="started"),
    "page by start, going on": lambda r: runs.page_of_runs(r, sort="started", after=("2026-01-02T00:10:00.000000Z", 5)),
    "page by end": lambda r: runs.page_of_runs(r, sort="finished"),
    "page by duration, rising": lambda r: runs.page_of_runs(r, sort="duration", descending=False),
    "page by flow": lambda r: runs.page_of_runs(r, sort="flow"),
    "page by state": lambda r: runs.page_of_runs(r, sort="state"),
    "page by a metric": lambda r: runs.page_of_runs(r, sort="metrics.auc"),
    "page of a project": lambda r: runs.page_of_runs(r, project="churn"),
    "page of a flow": lambda r: runs.page_of_runs(r, flow="train"),
    "failed runs": lambda r: runs.page_of_runs(r, where=runs.run_filter("state:failed")),
    "running now": lambda r: overview.running_now(r),
    "top runs": lambda r: runs.top_runs_by_metric(r, "auc"),
    "one run": lambda r: runs.run_detail(r, f"{77:012x}"),
    "tasks": lambda r: runs.tasks_of(r, "a"),
    "log": lambda r: runs.log_lines_of(r, "a", after_seq=5),
    "last lines": lambda r: runs.last_log_lines_of(r, "a"),
    "parameters": lambda r: runs.parameters_of(r, "a"),
    "metrics": lambda r: runs.metrics_of(r, "a"),
    "points": lambda r: runs.points_of(r, "a", "auc"),
    "resources": lambda r: runs.resources_of(r, "a"),
    "models": lambda r: registry.models(r),
    "versions of a model": lambda r: registry.versions_of(r, "m"),
    "production": lambda r: registry.production_of(r, "p"),
    "staging": lambda r: registry.versions_at(r, "staging"),
    "gates": lambda r: registry.gates_of(r, 1),
    "active deployment": lambda r: serving.active_deployment(r, "p"),
    "deployments": lambda r: serving.deployments_of(r, "p"),
    "batches": lambda r: serving.prediction_batches(r),
    "snapshots": lambda r: data.snapshots(r),
    "quarantine of a snapshot": lambda r: data.quarantined_rows(r, snapshot="a"),
    "counts by rule of a snapshot": lambda r: data.counts_by_rule(r, snapshot="a"),
    "feature sets": lambda r: features.feature_sets(r, project="p"),
    "newest features": lambda r: features.feature_set(r, "p"),
    "latest report": lambda r: monitoring.latest_report(r, "p"),
    "signals": lambda r: monitoring.signals_of(r, "a"),
    "signal histories": lambda r: monitoring.signal_histories(r, "p"),
    "unresolved alerts": lambda r: monitoring.alerts(r, unresolved_only=True),
    "decisions": lambda r: monitoring.decisions(r),
    "services": lambda r: infrastructure.services(r),
    "events": lambda r: audit.events(r),
    "events of a thing": lambda r: audit.events(r, subject="model:m/1"),
    "lineage": lambda r: lineage.graph_around(r, "model", "m/1"),
    "charter": lambda r: charter.project_named(r, "p"),
    "needs you": lambda r: overview.needs_you(r),
}


def scanned(plans: list[tuple[str, str]]) -> list[str]:
    """Steps that go through a whole table, or a whole index without a limit on it, or sort what they went through."""
    tables = {table.name for table in metadata.sorted_tables} - SMALL
    found = []
    for detail, sql in plans:
        step = re.fullmatch(r"SCAN (\w+)(?P<by> USING (?:COVERING )?INDEX \w+)?.*", detail)
        if step is None:
            continue
        alias = step[1]
        named = re.search(rf"\b(\w+) {alias}\b(?! *\.)", sql)
        table = alias if alias in tables else (named[1] if named else alias)
        if table in tables and not (_stops_early(sql)):
            found.append(f"{detail}: {' '.join(sql.split())[:120]}")
    return found


def _stops_early(sql: str) -> bool:
    """A scan in the order of the result ends at its limit; with a temporary sort it would not."""
    return "LIMIT :limit" in sql


@pytest.mark.parametrize("name", HOT)
def test_a_hot_list_is_served_by_indexes(many: Reader, name: str) -> None:
    reader = Explaining(many.url)

    HOT[name](reader)

    reader.close()
    assert scanned(reader.plans) == []
    assert reader.sorts == []


def test_a_hot_list_that_would_scan_is_noticed(many: Reader) -> None:
    reader = Explaining(many.url)

    reader.rows("SELECT * FROM run r WHERE r.error = 'x' ORDER BY r.error")

    reader.close()
    assert scanned(reader.plans)
