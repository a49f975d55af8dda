"""Pages of runs: complete, in order, each run once, and by an index."""

import math

import pytest

from app.domain.errors import NotFound, Usage
from app.domain.states import RunState
from app.store.engine import Store
from app.store.queries import runs
from app.store.queries.runs import Cursor, RunRow, count_of_runs, page_of_runs, run_detail, run_filter
from app.store.reader import Reader
from tests.store.queries.conftest import MANY
from tests.store.world import add_run, make_world

SORTS = [*runs.SORTS, "metrics.auc"]


def all_pages(reader: Reader, sort: str, descending: bool, limit: int, text: str = "") -> list[RunRow]:
    """Every run, page by page."""
    rows: list[RunRow] = []
    after: Cursor | None = None
    while True:
        page = page_of_runs(reader, sort=sort, descending=descending, after=after, limit=limit, where=run_filter(text))
        rows += page.rows
        after = page.after
        if after is None:
            return rows


def sorted_value(row: RunRow, sort: str) -> float | str | None:
    names = {"requested": "id", "started": "started_at", "finished": "finished_at", "by": "requested_by"}
    if sort == "metrics.auc":
        return row.value
    value: float | str | None = getattr(row, {**names, "duration": "duration_s"}.get(sort, sort))
    return value


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_hold_every_run_once_in_order_with_missing_values_last(many: Reader, sort: str, descending: bool) -> None:
    rows = all_pages(many, sort, descending, limit=333, text="requested<2026-01-02T00:50")

    values = [sorted_value(row, sort) for row in rows]
    present = [value for value in values if value is not None]
    assert len(rows) == len({row.id for row in rows}) == 3000
    assert present == sorted(present, reverse=descending)
    assert values[: len(present)] == present


def test_a_page_goes_on_where_the_last_one_ended_though_new_runs_came(store: Store) -> None:
    make_world(store)
    first = page_of_runs(store.reader, limit=3)
    with store.write() as session:
        newest = add_run(session, 1, "train")

    second = page_of_runs(store.reader, limit=10, after=first.after)

    assert newest.key not in {row.key for row in second.rows}
    assert len({row.key for row in first.rows + second.rows}) == 7
    assert second.after is None


def test_a_row_says_what_the_run_does_now_and_its_headline(store: Store) -> None:
    world = make_world(store)
    with store.write() as session:
        add_run(session, 1, "train", state=RunState.RUNNING)

    newest = page_of_runs(store.reader, limit=1).rows[0]
    trained = run_detail(store.reader, world.runs["train"]).row

    assert (newest.state, newest.task, newest.stages, newest.stages_done) == ("running", "second", 2, 0)
    assert (trained.metric, trained.value) == ("auc", 0.72)
    assert (trained.project, trained.stages_done) == ("flight-delay", 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MANY),
        ("flow:train", 3334),
        ("flow:TRAIN state:failed", 833),
        ("flow:tr*", 3334),
        ("!flow:train", 6666),
        ("state:failed | state:cancelled", 5000),
        ("project:churn", 100),
        ("3 classes", 2500),
        ('"3 classes"', 2500),
        ("classes 3", 2500),
        ("auc>0.9 flow:train", None),
        ("!auc>=0", 2000),
        ("duration>1m", None),
        ("p.rounds:3", 1000),
        ("run:0000000000ff", 1),
        ("started:2026-01-02T00:00:07", None),
        ("cause:alert", 0),
        ("100%", 0),
        ("_", 0),
        ("by:ana by:ben", 0),
        ("params.rounds = 3", 1000),
        ("params.rounds = 3.0", 1000),
        ("params.rounds != 3", 9000),
        ("params.rounds >= 8", 2000),
        ("params.name = x3", 1000),
        ("params.name = x*", MANY),
        ("metrics.log_loss = .4", 8000),
        ("metrics.log_loss = nan", 0),
        ("flow:train and (state:failed or state:cancelled)", 1667),
        ("by:ana not params.rounds < 9", 0),
        ("archived:yes", 0),
        ("archived:no", MANY),
        ("tag:candidate", 0),
        ("dirty:no", MANY),
    ],
)
def test_a_filter_keeps_what_it_says(many: Reader, text: str, expected: int | None) -> None:
    kept = all_pages(many, "requested", True, limit=5000, text=text)

    assert len(kept) == count_of_runs(many, where=run_filter(text))
    if expected is not None:
        assert len(kept) == expected
    if text == "auc>0.9 flow:train":
        assert kept
        assert all(row.flow == "train" and (row.value or 0) > 0.9 for row in kept)
    if text == "duration>1m":
        assert kept
        assert all((row.duration_s or 0) > 60 for row in kept)


@pytest.mark.parametrize("sort", ["requested", "duration", "metrics.auc"])
@pytest.mark.parametrize(
    "text", ["run:0000000000", "by:ana run:0000000001", "auc>0.99", "duration>99", "state:failed auc>.9"]
)
def test_few_rows_that_an_index_finds_come_as_all_rows_would(many: Reader, sort: str, text: str) -> None:
    page_by_page = [row.id for row in all_pages(many, sort, True, limit=29, text=text)]
    kept = {row.id for row in all_pages(many, "requested", True, limit=MANY, text=text)}
    walked = [row.id for row in all_pages(many, sort, True, limit=MANY) if row.id in kept]

    assert page_by_page == walked


def test_runs_of_a_project_and_a_flow_are_paged_and_counted(many: Reader) -> None:
    page = page_of_runs(many, project="churn", flow="train", limit=500)

    assert len(page.rows) == count_of_runs(many, project="churn", flow="train") == 34
    assert page.after is None


def test_an_unknown_sort_is_a_wrong_command(many: Reader) -> None:
    with pytest.raises(Usage, match="cannot be sorted by 'colour'"):
        page_of_runs(many, sort="colour")


def test_top_runs_come_in_the_order_of_the_metric(many: Reader) -> None:
    top = runs.top_runs_by_metric(many, "auc", limit=50)
    low = runs.top_runs_by_metric(many, "auc", limit=50, descending=False)

    assert len(top) == 50
    assert [row.value for row in top] == sorted((row.value for row in top), reverse=True)
    assert low[0].value == 0
    assert runs.top_runs_by_metric(many, "nothing") == []


def test_a_run_is_found_by_a_beginning_of_its_key(store: Store) -> None:
    world = make_world(store)

    detail = run_detail(store.reader, world.runs["train"][:8])

    assert detail.row.key == world.runs["train"]
    with pytest.raises(NotFound, match="no run begins with 'zz'"):
        run_detail(store.reader, "zz")
    with pytest.raises(NotFound, match="more than one run begins"):
        run_detail(store.reader, "")


def test_everything_of_a_run_can_be_read(store: Store) -> None:
    world = make_world(store)
    reader, key = store.reader, world.runs["train"]

    metrics = runs.metrics_of(reader, key)

    assert [task.name for task in runs.tasks_of(reader, key)] == ["first", "second"]
    assert [line.says for line in runs.log_lines_of(reader, key, after_seq=2)] == ["line 3", "line 4"]
    assert [line.says for line in runs.last_log_lines_of(reader, key, limit=2)] == ["line 3", "line 4"]
    assert runs.parameters_of(reader, key) == {"rounds": "300"}
    assert metrics["auc"] == 0.72
    assert math.isnan(metrics["odd"])
    assert [point.step for point in runs.points_of(reader, key, "auc")] == [1, 2]
    assert [point.step for point in runs.points_of(reader, key, "auc", after_step=1)] == [2]
    assert runs.point_keys_of(reader, key) == ["auc"]
    assert runs.resources_of(reader, key)[0].rss_bytes == 3 << 30
