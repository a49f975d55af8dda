"""Views over history, builds by snapshot, and what they show: previews, differences, explanations."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from app.domain.errors import BadInput, NotFound
from app.domain.workspace import Workspace
from app.services.features import FeatureSetBuilt, diff, explain, feature_sets, preview, prove_project, training_frame
from app.services.running import running
from app.services.workspaces import OpenProject, open_store
from app.store.engine import Store
from tests.services.made import CODE, PROJECT, build, deliver, homes, take_in

BY_SNAPSHOT = (
    PROJECT.replace('function = "asked"', 'function = "asked"\nby = "snapshot"')
    .replace('[views.facts]\nentity = ["home"]', '[views.facts]\nentity = ["home"]\nby = "snapshot"')
    .replace("ttl_hours = 48", 'ttl_hours = 48\nby = "snapshot"')
    + """
[views.town_lately]
history = "sales"
entity = ["town"]
event_time = "asked_at"
by = "snapshot"
tags = ["history"]
[views.town_lately.windows]
price_before = { take = "mean", of = "sold_for", hours = 72 }
asked_before = { take = "count", hours = 72 }
"""
)
SALES = (
    CODE
    + """

def sales(homes: pd.DataFrame) -> pd.DataFrame:
    return homes[["town", "asked_at"]].assign(sold_for=homes["price"])
"""
)
WHOLE = BY_SNAPSHOT.replace('\nby = "snapshot"', "")
MORE = ["k1,ulm,2013-01-04T00:00:00Z,60,90", "k2,,2013-01-05T00:00:00Z,,80", "k3,bonn,2013-01-03T06:00:00Z,50.5,"]


def month(number: int, rows: list[str]) -> tuple[str, str]:
    return f"homes/more{number}.csv", "\n".join(["home,town,asked_at,size,price", *rows]) + "\n"


def frame_of(store: Store, project: OpenProject, built: FeatureSetBuilt) -> pd.DataFrame:
    return training_frame(store, project, built.id, labelled_only=False).frame


def test_history_counts_what_was_known_before(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    deliver(workspace, *month(1, MORE))
    take_in(store, project)

    found = training_frame(store, project, build(store, project).id, labelled_only=False)

    frame = found.frame.set_index("home")
    assert frame["asked_before"].to_dict() == {"h1": 1.0, "h3": 1.0, "k3": 2.0, "h2": 2.0, "k1": 3.0, "k2": 0.0}
    assert frame.loc[["h2", "k1"], "price_before"].tolist() == [110.0, pytest.approx(310 / 3)]
    assert ("price_before", "number", "town_lately") in [(one.name, one.kind, one.view) for one in found.features]


def test_a_new_snapshot_computes_its_own_part_only_and_gives_what_a_full_build_gives(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    build(store, project)
    for number, row in enumerate(MORE):
        deliver(workspace, *month(number, [row]))
        take_in(store, project)
        shown = preview(store, project)
        stepwise = build(store, project)
    assert {one.table: one.action for one in shown.tables}["facts"].startswith("1 of 4 parts computed (more2.csv)")

    whole = build(store, homes(workspace, project=WHOLE, code=SALES))

    assert (stepwise.version, whole.version) == (4, 5)
    one, other = frame_of(store, project, stepwise), frame_of(store, project, whole)
    pd.testing.assert_frame_equal(one, other)


def test_a_file_that_is_written_again_replaces_its_part(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    deliver(workspace, *month(1, MORE))
    take_in(store, project)
    first = build(store, project)
    deliver(workspace, *month(1, ["k1,ulm,2013-01-04T00:00:00Z,61,90"]))
    take_in(store, project)

    second = build(store, project)

    assert frame_of(store, project, first)["home"].tolist() == ["h1", "h3", "k3", "h2", "k1", "k2"]
    assert frame_of(store, project, second)["home"].tolist() == ["h1", "h3", "h2", "k1"]
    assert frame_of(store, project, second)["size"].tolist() == [70, 90, 80, 61]


def test_a_key_that_an_earlier_snapshot_has_is_refused(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    build(store, project)
    deliver(workspace, *month(1, ["h1,ulm,2013-01-02T00:00:00Z,1,2"]))
    take_in(store, project)

    with pytest.raises(BadInput, match="rows whose keys an earlier snapshot has, for example h1"):
        build(store, project)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ('"size"]].assign(size=homes["size"] - homes["size"].mean(), kind', "its column 'size' differ in 5 rows"),
        ('"size"]].drop_duplicates("size").assign(kind', "its rows differ in 1 rows"),
    ],
    ids=["mean", "duplicates"],
)
def test_a_rule_that_looks_beyond_its_snapshot_is_refused_when_it_is_to_be_divided(
    workspace: Workspace, store: Store, rule: str, words: str
) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES.replace('"size"]].assign(kind', rule))
    take_in(store, project)
    build(store, project)
    deliver(workspace, *month(1, ["k1,ulm,2013-01-04T00:00:00Z,80,90", "k2,ulm,2013-01-05T00:00:00Z,61,80"]))
    take_in(store, project)

    with pytest.raises(BadInput, match=f"'facts' needs more than one snapshot: {words}") as refused:
        build(store, project)

    assert "take by = 'snapshot' away from facts" in (refused.value.next_step or "")


def test_a_function_of_two_sources_cannot_be_divided(workspace: Workspace, store: Store) -> None:
    code = SALES.replace("def facts(homes: pd.DataFrame)", "def facts(homes: pd.DataFrame, rates: pd.DataFrame)")
    project = homes(workspace, project=BY_SNAPSHOT, code=code)
    take_in(store, project)

    with pytest.raises(BadInput, match="reads 2 sources"):
        build(store, project)


WRONG = {
    "a window without history": ('history = "sales"\n', "", "has both"),
    "a window without a column": (', of = "sold_for"', "", "needs of ="),
    "a time to live": ('tags = ["history"]', "ttl_hours = 3", "no ttl_hours"),
    "a column that the facts lack": ('"sold_for"', '"gone"', "no column 'gone'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_view_over_history_that_is_not_whole_is_refused(workspace: Workspace, store: Store, case: str) -> None:
    old, new, words = WRONG[case]

    with pytest.raises(BadInput, match=words):
        project = homes(workspace, project=BY_SNAPSHOT.replace(old, new), code=SALES)
        take_in(store, project)
        build(store, project)


def test_a_preview_shows_rows_columns_and_code_and_publishes_nothing(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    build(store, project)
    edited = CODE.replace('kind=homes["town"]', 'kind=homes["town"].str.upper(), rooms=1')

    shown = preview(store, homes(workspace, code=edited))

    facts = next(one for one in shown.tables if one.table == "facts")
    assert facts.action == "computed whole: its rules changed"
    assert [(one.column, one.what, one.rows) for one in facts.columns] == [
        ("kind", "changed", 3),
        ("rooms", "added", 3),
    ]
    assert '+    return homes[["home", "size"]].assign(kind=homes["town"].str.upper(), rooms=1)' in shown.code
    assert [one.version for one in feature_sets(store, 1)] == [1]


def test_two_versions_are_compared_by_rows_columns_and_code(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    build(store, project)
    deliver(workspace, *month(1, MORE))
    edited = homes(workspace, code=CODE.replace("kind=homes", "place=homes"))
    take_in(store, edited)
    build(store, edited)

    found = diff(store, edited, 1, 2)

    facts = next(one for one in found.tables if one.table == "facts")
    assert (facts.rows_added, facts.rows_removed) == (3, 0)
    assert [(one.column, one.what) for one in facts.columns] == [
        ("kind", "removed"),
        ("size", "retyped"),
        ("place", "added"),
    ]
    assert "place=homes" in found.code
    with pytest.raises(NotFound):
        diff(store, edited, 1, 9)


def test_a_change_cites_what_asked_for_it(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    with store.read() as session:
        from sqlalchemy import text

        snapshot = session.connection().execute(text("SELECT key FROM snapshot ORDER BY id LIMIT 1")).scalar_one()

    with running(store, project, "features", stages=1, parameters={"caused_by": f"snapshot:{snapshot}"}) as run:
        from app.services import features

        with run.task("build") as task:
            features.build(task)

    with store.read() as session:
        sql = "SELECT from_kind, from_key, to_key FROM lineage_edge WHERE kind = 'caused_by'"
        assert list(session.connection().execute(text(sql))) == [("snapshot", snapshot, "homes/v1")]


def test_every_value_of_a_row_is_explained(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    build(store, project)

    found = {one.feature: one for one in explain(store, project, {"home": "h2"}).features}

    rate = found["rate"]
    assert (rate.value, rate.event_time, rate.age_s) == (2.5, datetime(2013, 1, 3, tzinfo=UTC), 12 * 3600)
    assert (found["price_before"].value, found["price_before"].facts) == (110.0, 2)
    assert found["size"].says == "by key"


def test_keys_of_a_view_are_explained_at_a_moment(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    build(store, project)

    at = datetime(2013, 1, 2, 6, tzinfo=UTC)
    found = {one.feature: one.value for one in explain(store, project, {"town": "ulm"}, at=at).features}

    assert found == {"rate": 1.5, "price_before": 100.0, "asked_before": 1.0}
    with pytest.raises(BadInput, match="at which moment"):
        explain(store, project, {"town": "ulm"})
    with pytest.raises(NotFound):
        explain(store, project, {"home": "nobody"})


PEEKING = {
    "by event time": (
        CODE.replace(
            'rates[["town", "at", "rate"]]', 'rates.assign(rate=rates["rate"].shift(-1))[["town", "at", "rate"]]'
        ),
        PROJECT,
        "'rates_in_town' reads the future: its column 'rate'",
    ),
    "by created time": (
        CODE.replace(
            'rates[["town", "at", "rate"]]',
            'rates.assign(at=rates["at"] - pd.Timedelta(days=2))[["town", "at", "rate"]]',
        ),
        PROJECT,
        "'rates_in_town' reads the future: its rows",
    ),
    "by a mean over everything": (
        CODE.replace('kind=homes["town"]', 'kind=homes["size"] / homes["size"].mean()'),
        PROJECT,
        "'facts' reads the future: its column 'kind'",
    ),
    "by an answer that comes later": (
        CODE.replace('kind=homes["town"]', 'kind=homes["price"] > 100').replace(
            '"asked_at", "price"]]', '"asked_at", "price"]].assign(sold_at=homes["asked_at"] + pd.Timedelta(days=9))'
        ),
        PROJECT.replace('event_time = "asked_at"', 'event_time = "asked_at"\nlabel_time = "sold_at"', 1).replace(
            'function = "asked"', 'function = "asked"\nknown_later = ["price"]'
        ),
        "'facts' reads the future: its column 'kind'",
    ),
}


@pytest.mark.parametrize("case", PEEKING)
def test_a_rule_that_reads_the_future_is_refused_and_nothing_is_published(
    workspace: Workspace, store: Store, case: str
) -> None:
    code, text, words = PEEKING[case]
    project = homes(workspace, project=text, code=code)
    deliver(workspace, *month(1, MORE))
    take_in(store, project)

    with pytest.raises(BadInput, match=words) as found:
        build(store, project)

    assert found.value.where is not None
    assert found.value.where.startswith("projects/homes/features.py line ")
    assert feature_sets(store, 1) == []


def test_rules_that_read_no_future_are_proved(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    deliver(workspace, *month(1, MORE))
    take_in(store, project)

    found = prove_project(store, project)

    assert (found.tables, found.cuts) == (("asked", "facts", "rates_in_town", "sales"), 3)


def test_features_whose_store_was_deleted_are_found_again_part_by_part(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=BY_SNAPSHOT, code=SALES)
    take_in(store, project)
    before = build(store, project)
    rows = frame_of(store, project, before)
    files = set(workspace.features.rglob("*.parquet"))
    store.close()
    for file in workspace.state.glob("store.db*"):
        file.unlink()

    with open_store(workspace) as anew:
        take_in(anew, project)
        after = build(anew, project)
        again = frame_of(anew, project, after)

    assert (after.version, after.digest) == (before.version, before.digest)
    pd.testing.assert_frame_equal(again, rows)
    assert set(workspace.features.rglob("*.parquet")) == files, "nothing is written twice"
