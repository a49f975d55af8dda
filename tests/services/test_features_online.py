"""The online store: what is published, what is read, and what a reader sees while it changes."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import BadInput, NotFound
from app.domain.problem import Task
from app.domain.workspace import Workspace
from app.learning.signature import Feature, Signature
from app.services import features
from app.services.features import Materialized, OnlineReader
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.queries.content import content_of
from app.store.queries.online import skew_checks
from tests.services import made

NOON = datetime(2013, 1, 4, 12, tzinfo=UTC)


def publish(store: Store, project: OpenProject) -> Materialized:
    """Run the materialize of the newest features."""
    with running(store, project, "materialize", stages=1) as run, run.task("materialize") as task:
        return features.materialize(task)


@pytest.fixture
def project(workspace: Workspace, store: Store) -> OpenProject:
    """The homes, built and online."""
    project = made.homes(workspace)
    made.take_in(store, project)
    made.build(store, project)
    publish(store, project)
    return project


def test_the_newest_row_is_served_with_its_times_and_its_age(workspace: Workspace, project: OpenProject) -> None:
    reader = OnlineReader.of(workspace)

    (found,) = reader.get("homes", {"town": "ulm"}, view="rates_in_town", at=NOON)
    reader.close()

    assert (found.state, found.values, found.age_s) == ("served", {"rate": 9.9}, 12 * 3600)
    assert (found.event_time, found.created_time) == (datetime(2013, 1, 4, tzinfo=UTC), None)


def test_a_row_older_than_its_time_to_live_is_withheld(workspace: Workspace, project: OpenProject) -> None:
    reader = OnlineReader.of(workspace)

    at_limit, past = (
        reader.get("homes", {"town": "ulm"}, view="rates_in_town", at=datetime(2013, 1, 6, tzinfo=UTC) + more)[0]
        for more in (timedelta(0), timedelta(microseconds=1))
    )
    early = reader.get("homes", {"town": "ulm"}, view="rates_in_town", at=datetime(2013, 1, 3, tzinfo=UTC))[0]
    reader.close()

    assert (at_limit.state, past.state, early.state) == ("served", "expired", "early")
    assert (past.values, early.values) == ({}, {})


def test_the_spine_gives_the_keys_of_other_views_and_never_the_target(
    workspace: Workspace, project: OpenProject
) -> None:
    reader = OnlineReader.of(workspace)

    facts, rates = reader.get("homes", {"home": "h2"}, at=NOON)
    spine = next(view for view in reader.views("homes").values() if view.is_spine)
    reader.close()

    assert (facts.values, rates.values) == ({"size": 80.0, "kind": "ulm"}, {"rate": 9.9})
    assert spine.columns == ("town",)


def test_a_model_gets_its_rows_in_the_order_of_its_signature(workspace: Workspace, project: OpenProject) -> None:
    order = (("kind", "category", "facts"), ("rate", "number", "rates_in_town"), ("size", "number", "facts"))
    signature = Signature(Task.REGRESSION, "price", tuple(Feature(*one) for one in order))  # type: ignore[arg-type]
    reader = OnlineReader.of(workspace)

    found = reader.features_for("homes", [{"home": "h3"}, {"home": "h2"}, {"home": "h9"}], signature, at=NOON)
    with pytest.raises(NotFound, match="'rooms' of view 'facts' is not online"):
        reader.features_for("homes", [], Signature(Task.REGRESSION, "price", (Feature("rooms", "number", "facts"),)))
    reader.close()

    assert found.rows == [("bonn", None, 90.0), ("ulm", 9.9, 80.0), (None, None, None)]
    assert found.absent == [("rates_in_town",), (), ("facts", "rates_in_town")]
    assert found.records()[1] == {"kind": "ulm", "rate": 9.9, "size": 80.0}


def test_an_unchanged_view_is_not_written_again(workspace: Workspace, store: Store, project: OpenProject) -> None:
    made.deliver(workspace, "rates/two.csv", "town,at,rate\nbonn,2013-01-04T00:00:00Z,3\n")
    made.take_in(store, project, "rates")
    made.build(store, project)

    second = publish(store, project)
    third = publish(store, project)

    assert [(view.view, view.rows, view.is_new) for view in second.views] == [
        ("asked", 3, False),
        ("facts", 3, False),
        ("rates_in_town", 2, True),
    ]
    assert not any(view.is_new for view in third.views)
    reader = OnlineReader.of(workspace)
    assert {view.feature_set for view in reader.views("homes").values()} == {2}
    reader.close()


def test_a_reader_that_was_open_before_a_publish_reads_the_new_rows(
    workspace: Workspace, store: Store, project: OpenProject
) -> None:
    reader = OnlineReader.of(workspace)
    before = reader.get("homes", {"town": "bonn"}, view="rates_in_town", at=NOON)[0]
    made.deliver(workspace, "rates/two.csv", "town,at,rate\nbonn,2013-01-04T00:00:00Z,3\n")
    made.take_in(store, project, "rates")
    made.build(store, project)
    publish(store, project)

    after = reader.get("homes", {"town": "bonn"}, view="rates_in_town", at=NOON)[0]
    reader.close()

    assert (before.state, after.state, after.values) == ("missing", "served", {"rate": 3.0})


def test_what_is_not_online_is_said_with_the_next_command(workspace: Workspace, project: OpenProject) -> None:
    reader = OnlineReader.of(workspace)

    with pytest.raises(NotFound, match="nothing of other is online") as nothing:
        reader.get("other", {"home": "h1"})
    with pytest.raises(BadInput, match="none of the keys home, town"):
        reader.get("homes", {})
    reader.close()

    assert "features materialize" in str(nothing.value.next_step)


def test_a_typed_entity_is_read_by_the_kinds_of_its_keys(workspace: Workspace, project: OpenProject) -> None:
    reader = OnlineReader.of(workspace)
    views = reader.views("homes")
    reader.close()

    assert features.entity_of(["home=h1", "town=a=b"], views) == {"home": "h1", "town": "a=b"}
    with pytest.raises(BadInput, match="'house=7' is not KEY=VALUE with a key of home, town"):
        features.entity_of(["house=7"], views)


def test_online_and_offline_agree_for_every_entity(store: Store, project: OpenProject) -> None:
    found = features.verify_skew(store, project)

    assert (found.differences, found.entities, found.version) == (0, 4, 1)
    assert found.values == 3 * 2 + 2 * 1  # three homes at one moment, one town at two: now and when its row was known


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("UPDATE {rates} SET c0 = c0 + 1e-6", [("rates_in_town", "rate")]),
        ("UPDATE {facts} SET c1 = 'bonn' WHERE key = 'h1'", [("facts", "kind")]),
        ("DELETE FROM {facts} WHERE key = 'h1'", [("facts", "size"), ("facts", "kind")]),
        ("INSERT INTO {facts} VALUES ('h0', NULL, NULL, 1.0, NULL)", [("facts", "size")]),
        ("UPDATE {facts} SET c0 = NULL WHERE key = 'h2'", [("facts", "size")]),
    ],
)
def test_a_planted_difference_is_found(
    workspace: Workspace, store: Store, project: OpenProject, planted: str, said: list[tuple[str, str]]
) -> None:
    connection = sqlite3.connect(workspace.online_file)
    tables = {view: f"rows_{number}" for view, number in connection.execute("SELECT view, number FROM online_view")}
    connection.execute(planted.format(rates=tables["rates_in_town"], facts=tables["facts"]))
    connection.commit()
    connection.close()

    found = features.verify_skew(store, project)

    assert list(dict.fromkeys((one.view, one.column) for one in found.examples)) == said
    kept = skew_checks(store.reader, project="homes")[0]
    assert kept.differences == found.differences > 0
    assert len(json.loads(content_of(store.reader, kept.report))["differences"]) == found.differences
