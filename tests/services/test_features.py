"""Building features and reading them back, point in time."""

from datetime import UTC, datetime

import pandas as pd
import pytest
from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import BadInput, Damaged, NotFound
from app.domain.workspace import Workspace
from app.services.features import feature_sets, newest_feature_set, training_frame
from app.store.engine import Store
from app.store.tables import LineageEdge
from tests.services.made import CODE, HOMES, PROJECT, RATES, build, deliver, homes, take_in


def test_the_frame_has_what_was_known_at_each_event_time(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)

    built = build(store, project)
    found = training_frame(store, project, built.id, labelled_only=False)

    frame = found.frame
    assert frame["home"].tolist() == ["h1", "h3", "h2"]
    assert frame["rate"].fillna(-1).tolist() == [1.5, -1, 2.5]
    assert frame["size"].tolist() == [70, 90, 80]
    assert [(one.name, one.kind, one.view) for one in found.features] == [
        ("size", "number", "facts"),
        ("kind", "category", "facts"),
        ("rate", "number", "rates_in_town"),
    ]
    assert frame["kind"].cat.categories.tolist() == ["bonn", "ulm"]
    assert (found.entity, found.event_time, found.target) == (("home",), "asked_at", "price")


def test_rows_without_a_target_are_left_out_unless_they_are_asked_for(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    built = build(store, project)

    assert training_frame(store, project, built.id).frame["home"].tolist() == ["h1", "h2"]


def test_a_window_keeps_its_start_and_leaves_its_end_out(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    built = build(store, project)

    window = (datetime(2013, 1, 2, tzinfo=UTC), datetime(2013, 1, 3, 12, tzinfo=UTC))
    found = training_frame(store, project, built.id, window=window, labelled_only=False)

    assert found.frame["home"].tolist() == ["h1", "h3"]


def test_unlabelled_rows_refuse_with_the_word_target(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", "home,town,asked_at,size,price\nh1,ulm,2013-01-02,70,\n")
    take_in(store, project)
    built = build(store, project)

    with pytest.raises(BadInput, match="the target 'price' is missing in every one of 1 rows"):
        training_frame(store, project, built.id)


def test_the_same_rules_and_snapshots_make_no_new_version(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)

    first = build(store, project)
    second = build(store, project)

    assert (first.is_new, second.is_new) == (True, False)
    assert (second.id, second.digest) == (first.id, first.digest)
    assert second.says.startswith("nothing changed")


def test_new_rows_rebuild_only_the_views_that_read_them(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    first = build(store, project)
    old = training_frame(store, project, first.id).frame
    deliver(workspace, "rates/two.csv", RATES.replace("ulm", "bonn"))
    take_in(store, project)

    second = build(store, project)

    assert second.version == 2
    assert second.rebuilt == ("rates_in_town",)
    assert training_frame(store, project, second.id, labelled_only=False).frame["rate"].isna().sum() == 0
    pd.testing.assert_frame_equal(training_frame(store, project, first.id).frame, old)


def test_an_edited_rule_makes_a_new_version_and_going_back_makes_the_old_tables_the_newest_again(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace)
    take_in(store, project)
    first = build(store, project)
    edited = build(store, homes(workspace, code=CODE.replace('homes["town"]', 'homes["town"].str.upper()')))

    back = build(store, homes(workspace))
    same = build(store, homes(workspace))

    assert (edited.version, edited.rebuilt) == (2, ("facts",))
    assert (back.version, back.is_new, back.rebuilt) == (3, True, ())
    assert back.says.endswith("the rules and snapshots of v1 again")
    assert (same.version, same.is_new) == (3, False)
    assert len({one.digest for one in feature_sets(store, 1)}) == 3
    assert newest_feature_set(store, 1).views == next(v for v in feature_sets(store, 1) if v.id == first.id).views


def test_the_lineage_reaches_snapshots_and_rules(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project)
    build(store, project)

    with store.read() as session:
        edges = session.execute(select(LineageEdge).where(col(LineageEdge.to_key) == "homes/v1")).scalars().all()

    assert sorted((edge.from_kind, edge.kind) for edge in edges) == [
        ("rules", "computed_by"),
        ("snapshot", "built"),
        ("snapshot", "built"),
    ]


WRONG = {
    "the target inside a view": (CODE.replace('["home", "size"]', '["home", "price"]'), "must not be features"),
    "a key that is missing everywhere": (
        CODE.replace("kind=homes", "home=pd.Series([None] * len(homes), dtype='str'), kind=homes"),
        "every row lacks its key",
    ),
    "two rows of a key": (
        CODE.replace("return homes[[", "return pd.concat([homes, homes])[["),
        "rows twice|more than keys",
    ),
    "an infinite feature": (CODE.replace('kind=homes["town"]', 'kind=homes["size"] / 0'), "'kind' is infinite"),
    "an infinite target": (
        CODE.replace('"price"]]', '"price"]].assign(price=float("inf"))'),
        "target 'price' is infinite",
    ),
    "a time as a feature": (CODE.replace('homes["town"]', 'homes["asked_at"]'), "'kind' is a time"),
    "a name twice": (CODE.replace("kind=homes", "town=homes"), "'town' comes from view 'facts' and from the spine"),
    "no target": (CODE.replace(', "price"]', "]"), "no column 'price'"),
    "an error in the code": (CODE.replace("homes[", "home["), "function 'asked' failed: NameError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_features_that_cannot_be_joined_are_refused_and_nothing_is_published(
    workspace: Workspace, store: Store, case: str
) -> None:
    code, words = WRONG[case]
    project = homes(workspace, code=code)
    take_in(store, project)

    with pytest.raises(BadInput, match=words):
        build(store, project)

    assert feature_sets(store, 1) == []


def test_building_before_ingest_names_the_next_command(workspace: Workspace, store: Store) -> None:
    with pytest.raises(NotFound) as found:
        build(store, homes(workspace))

    assert found.value.next_step == "trainmaster data ingest --project homes"


def test_a_project_without_any_time_joins_by_entity(workspace: Workspace, store: Store) -> None:
    text = PROJECT.replace('event_time = "asked_at"\n', "", 1)
    text = text[: text.index("[views.rates_in_town]")]
    project = homes(workspace, project=text)
    take_in(store, project)

    frame = training_frame(store, project, build(store, project).id).frame

    assert frame["home"].tolist() == ["h1", "h2"]
    assert frame["size"].tolist() == [70, 80]


def test_a_version_whose_files_are_gone_is_damaged_until_it_is_built_again(workspace: Workspace, store: Store) -> None:
    import shutil

    project = homes(workspace)
    take_in(store, project)
    built = build(store, project)
    shutil.rmtree(workspace.features / "homes" / "facts")

    with pytest.raises(Damaged):
        training_frame(store, project, built.id)
    healed = build(store, project)

    assert (healed.version, healed.is_new) == (built.version, False)
    assert healed.says == "v1 is whole again: its files were lost"
    assert len(training_frame(store, project, built.id).frame) == 2


def test_a_column_that_changes_its_kind_between_files_is_refused(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=PROJECT.replace('size = { type = "number", minimum = 1 }\n', ""))
    deliver(workspace, "homes/two.csv", HOMES.replace("h", "k").replace("kome", "home").replace(",70,", ",big,"))
    take_in(store, project)

    with pytest.raises(BadInput, match=r"column 'size' is text in incoming/homes/two\.csv and number in"):
        build(store, project)


def test_a_build_that_dies_after_publishing_is_taken_up_by_the_next_one(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.features import offline
    from app.services.features import building

    project = homes(workspace)
    take_in(store, project)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(building, "_publish", die)
        build(store, project)
    after_death = feature_sets(store, 1)
    built = build(store, project)

    assert after_death == []
    assert (built.version, built.is_new) == (1, True)
    assert not offline.has(workspace.features / "homes" / "facts", 1)
