"""Training sets: the same id gives the same rows, and what they need cannot be deleted."""

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from app.domain.errors import BadInput, Damaged, NotFound
from app.domain.ids import Ref
from app.domain.workspace import Workspace
from app.services import features
from app.services.workspaces import OpenProject, open_project
from app.store.engine import Store
from app.store.queries.features import feature_set, statistics
from app.store.queries.training_sets import training_sets as rows_of
from app.store.tables import TrainingSet
from tests.services import made

HOMES = "home,town,asked_at,size,price\n" + "".join(
    f"h{at},{'ulm' if at % 3 else 'bonn'},2013-{1 + at % 4:02}-{1 + at % 25:02}T00:00:00Z,{50 + at},{100 + at}\n"
    for at in range(60)
)


@pytest.fixture
def project(workspace: Workspace, store: Store) -> OpenProject:
    """Sixty homes over four months, built."""
    made.homes(workspace, project=made.PROJECT + '[split]\nkind = "time"\ngap_hours = 24\n')
    made.deliver(workspace, "homes/one.csv", HOMES)
    project = open_project(workspace, "homes")
    made.take_in(store, project)
    made.build(store, project)
    return project


def test_the_same_rows_and_split_are_one_version(store: Store, project: OpenProject) -> None:
    first = features.create_training_set(store, project, "base")
    again = features.create_training_set(store, project, "base")
    other = features.create_training_set(
        store, project, "base", rule=project.file.split.model_copy(update={"gap_hours": 9})
    )

    assert (first.version, again.version, other.version) == (1, 1, 2)
    assert (first.is_new, again.is_new) == (True, False)
    assert (first.digest, first.split_digest) == (again.digest, again.split_digest)
    assert first.digest == other.digest
    assert first.split_digest != other.split_digest


def test_a_set_is_made_again_by_its_id(workspace: Workspace, store: Store, project: OpenProject) -> None:
    first = features.create_training_set(store, project, "base")
    made.deliver(workspace, "homes/two.csv", HOMES.replace("h", "x").replace("xome", "home"))
    made.take_in(store, project, "homes")
    made.build(store, project)

    found = features.rebuild_training_set(store, project, "base/1")

    assert len(found.frame.frame) == first.rows == 60
    assert (len(found.parts.train), len(found.parts.test)) == (first.train_rows, first.test_rows)
    assert features.create_training_set(store, project, "base").rows == 120


@pytest.mark.parametrize("column", ["digest", "split_digest", "sides"])
def test_a_set_that_gives_other_rows_is_damaged(store: Store, project: OpenProject, column: str) -> None:
    features.create_training_set(store, project, "base")
    info = feature_set(store.reader, "homes")
    assert info is not None
    features.create_training_set(store, project, "other", rule=project.file.split.model_copy(update={"gap_hours": 900}))
    rows = {row.name: row for row in rows_of(store.reader)}
    with store.write() as session:
        value = rows["other"].sides if column == "sides" else "0" * 64
        session.connection().execute(
            update(TrainingSet).where(TrainingSet.name == "base").values({column: value})  # type: ignore[arg-type]
        )

    with pytest.raises(Damaged, match=r"training set base/1|split of base/1"):
        features.rebuild_training_set(store, project, "base")


def test_a_window_keeps_its_rows_only(store: Store, project: OpenProject) -> None:
    begin = datetime(2013, 2, 1, tzinfo=UTC)

    found = features.create_training_set(store, project, "late", window=(begin, None))

    assert found.rows == 45
    assert features.rebuild_training_set(store, project, "late/1").frame.frame["asked_at"].min() >= begin


def test_what_does_not_exist_is_said_with_the_next_command(store: Store, project: OpenProject) -> None:
    with pytest.raises(NotFound, match="'base'"):
        features.rebuild_training_set(store, project, "base")
    with pytest.raises(NotFound, match="'base/x'"):
        features.rebuild_training_set(store, project, "base/x")
    with pytest.raises(BadInput, match="is no name"):
        features.create_training_set(store, project, "../base")
    with pytest.raises(NotFound, match="no version 9"):
        features.create_training_set(store, project, "base", features=9)


def test_what_refers_to_a_version_is_named(store: Store, project: OpenProject) -> None:
    info = features.feature_sets(store, 1)[0]
    assert features.references_of(store, info.id) == ()

    features.create_training_set(store, project, "base")

    assert features.references_of(store, info.id) == (Ref("training_set", "homes/base/1"),)


def test_statistics_are_kept_once_a_table(workspace: Workspace, store: Store, project: OpenProject) -> None:
    from flows.features import features as flow

    flow("homes", workspace=str(workspace.root))
    made.deliver(workspace, "rates/two.csv", "town,at,rate\nbonn,2013-01-04T00:00:00Z,3\n")
    made.take_in(store, project, "rates")
    flow("homes", workspace=str(workspace.root))

    first, second = (feature_set(store.reader, "homes", version) for version in (1, 2))
    assert first is not None
    assert second is not None
    old, new = statistics(store.reader, first), statistics(store.reader, second)
    assert old["facts"] == new["facts"]
    assert old["rates_in_town"]["columns"]["rate"]["count"] == 3
    assert new["rates_in_town"]["columns"]["rate"]["greatest"] == 9.9
    assert new["facts"]["columns"]["kind"]["top"] == [["ulm", 40], ["bonn", 20]]
    assert sum(new["facts"]["columns"]["size"]["histogram"]["counts"]) == 60
    assert json.dumps(new, allow_nan=False)


def test_a_search_finds_the_view_that_knows_every_word(
    workspace: Workspace, store: Store, project: OpenProject
) -> None:
    by_column = features.search(store.reader, workspace, "SIZE")
    by_both = features.search(store.reader, workspace, "rates town")
    by_code = features.search(store.reader, workspace, "assign")

    assert [(hit.view, hit.where) for hit in by_column] == [("facts", ("column",))]
    assert by_both[0].view == "rates_in_town"
    assert [(hit.view, hit.where) for hit in by_code] == [("facts", ("code",))]
    assert features.search(store.reader, workspace, "size nowhere") == []


def test_what_is_online_or_in_a_training_set_is_not_pruned(
    workspace: Workspace, store: Store, project: OpenProject
) -> None:
    from flows.features import features as flow
    from flows.materialize import materialize

    for version in (1, 2, 3, 4):
        made.deliver(workspace, "rates/more.csv", f"town,at,rate\nbonn,2013-01-04T00:00:00Z,{version}\n")
        made.take_in(store, project, "rates")
        flow("homes", workspace=str(workspace.root))
    features.create_training_set(store, project, "base", features=2)
    materialize("homes", workspace=str(workspace.root), parameters={"feature_set": 3})

    pruned = features.prune(store, project, by="ana", reason="space", keep=1)

    newest = features.feature_sets(store, 1)[0].version
    assert pruned.removed == tuple(range(1, newest)[0:1]) + tuple(range(4, newest))
    assert "training set" in pruned.kept[2]
    assert pruned.kept[3] == "in use: it is online"
    assert features.verify_skew(store, project).differences == 0
