"""A report is about the answers that were given first, not about those of a version that came later."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.workspace import Workspace
from app.monitoring.windows import Window, parse_month
from app.services.monitoring.subjects import answered_by
from app.store.engine import Store
from app.store.queries.monitoring import alerts
from app.store.tables import PredictionBatch
from flows.monitor import monitor
from flows.predict import predict
from tests.monthly import PROJECT, PROJECT_TOML

APRIL = parse_month("2013-04")


def batch(version: int, begin: datetime | None, end: datetime | None) -> PredictionBatch:
    return PredictionBatch(
        version_id=version,
        window_from=begin,
        window_to=end,
        key="b",
        project_id=1,
        feature_set_id=1,
        run_id=1,
        artifact="",
        rows=1,
        created_at=day(1, 1),
    )


def day(month: int, number: int) -> datetime:
    return datetime(2013, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("batches", "version"),
    [
        ([], None),
        ([batch(1, day(1, 1), day(4, 1))], 1),
        ([batch(1, day(1, 1), day(4, 2)), batch(2, day(4, 2), day(5, 1))], 2),
        ([batch(1, day(4, 1), day(5, 1)), batch(2, day(4, 1), day(5, 1))], 1),
        ([batch(1, day(1, 1), day(4, 5)), batch(2, day(4, 5), day(5, 2)), batch(3, day(1, 1), day(5, 2))], 2),
        ([batch(1, None, None), batch(2, None, None)], 2),
    ],
)
def test_the_version_that_first_answered_most_of_the_window_counts(
    batches: list[PredictionBatch], version: int | None
) -> None:
    assert answered_by(batches, APRIL) == version


def test_an_open_window_is_about_the_newest_batch() -> None:
    found = [batch(1, day(1, 1), day(4, 1)), batch(2, day(1, 1), day(5, 1))]

    assert answered_by(found, Window(day(3, 1), None)) == 2


def test_a_retrained_version_cannot_talk_its_own_training_month_good(april: Workspace, april_store: Store) -> None:
    from flows.deploy import deploy
    from flows.train import train

    root = str(april.root)
    train(PROJECT, workspace=root)
    deploy(PROJECT, parameters={"version": 2, "by": "ana", "reason": "retrained", "model": PROJECT}, workspace=root)
    predict(PROJECT, parameters={"from": "2013-04-01T00:00:00Z", "to": "2013-05-01T00:00:00Z"}, workspace=root)

    found = monitor(PROJECT, workspace=root)

    assert found["version"] == 1
    assert found["resolved"] == []
    assert [alert.state for alert in alerts(april_store.reader) if alert.signal == "auc"] == ["open"]


@pytest.mark.parametrize(
    ("window", "rows", "says"),
    [
        ('"count"\nwindow_rows = 500', 500, "2013-03-09"),
        ('"batch"', 2100, "2013-01-01"),
        ('"week"', 0, "2013-03-25"),
    ],
)
def test_a_window_is_cut_by_count_by_batch_or_by_time(quarter: Workspace, window: str, rows: int, says: str) -> None:
    file = quarter.project_folder(PROJECT) / "project.toml"
    file.write_text(PROJECT_TOML.replace('window = "month"', f"window = {window}"))

    found: Any = monitor(PROJECT, workspace=str(quarter.root))

    assert found["rows"] == rows or (rows == 0 and 100 < found["rows"] < 200)
    assert found["window"].startswith(says)
