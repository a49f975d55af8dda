"""Notes, tags, archive and baseline: what a person puts on a run is kept, shown and audited."""

import pytest

from app.domain.errors import NotFound, Refused, Usage
from app.domain.states import RunState
from app.services.runs import archive, note, pin_baseline, tag
from app.store.engine import Store
from app.store.queries import audit
from app.store.queries.runs import baseline_of, count_of_runs, notes_of, page_of_runs, run_detail, run_filter, tags_of
from tests.store.world import add_run, make_world


def test_notes_are_only_added_and_the_newest_comes_first(store: Store) -> None:
    run = make_world(store).runs["train"]

    note(store, run[:8], "looks good", by="ana")
    note(store, run, "leaks the target!", by="ben")

    assert [(row.actor, row.says) for row in notes_of(store.reader, run)] == [
        ("ben", "leaks the target!"),
        ("ana", "looks good"),
    ]
    assert count_of_runs(store.reader, where=run_filter('note:"*leaks*"')) == 1
    assert audit.events(store.reader, subject=f"run:{run}")[0].action == "run.noted"


def test_tags_are_shown_in_lists_and_found_by_the_filter(store: Store) -> None:
    run = make_world(store).runs["train"]

    tag(store, run, {"candidate": "", "team": "risk"}, by="ana")
    tag(store, run, {"team": "growth"}, remove=["candidate"], by="ana")

    assert tags_of(store.reader, run) == {"team": "growth"}
    assert run_detail(store.reader, run).row.tags == ("team=growth",)
    assert [row.key for row in page_of_runs(store.reader, where=run_filter("tags.team = growth")).rows] == [run]
    assert [row.key for row in page_of_runs(store.reader, where=run_filter("tag:team")).rows] == [run]
    assert page_of_runs(store.reader, where=run_filter("tag:candidate")).rows == ()


@pytest.mark.parametrize("name", ["", "a b", "a:b", 'a"b', "a|b", "x" * 101, "a\nb"])
def test_a_tag_that_the_filter_could_not_name_is_refused(store: Store, name: str) -> None:
    run = make_world(store).runs["train"]

    with pytest.raises(Usage, match="cannot name a tag"):
        tag(store, run, {name: ""}, by="ana")


def test_the_archive_hides_a_run_and_gives_it_back(store: Store) -> None:
    run = make_world(store).runs["train"]
    before = count_of_runs(store.reader)

    archive(store, [run], by="ana", reason="old")
    hidden = count_of_runs(store.reader)
    again = archive(store, [run], by="ana")

    assert hidden == before - 1
    assert "already" in again[0].says
    assert run_detail(store.reader, run).row.archived_at is not None
    assert [row.key for row in page_of_runs(store.reader, where=run_filter("archived:yes")).rows] == [run]
    archive(store, [run], back=True, by="ana")
    assert count_of_runs(store.reader) == before


def test_a_run_that_is_under_way_is_not_archived_and_nothing_of_the_others_is(store: Store) -> None:
    world = make_world(store)
    with store.write() as session:
        running = add_run(session, 1, "train", state=RunState.RUNNING).key

    with pytest.raises(Refused, match="is running"):
        archive(store, [world.runs["train"], running], by="ana")

    assert count_of_runs(store.reader, where=run_filter("archived:yes")) == 0


def test_a_baseline_stays_pinned_until_another_one_is(store: Store) -> None:
    world = make_world(store)

    pin_baseline(store, world.runs["train"], by="ana")
    pin_baseline(store, world.runs["retrain"], by="ben")

    assert baseline_of(store.reader, world.project) == world.runs["retrain"]
    event = audit.events(store.reader, action="baseline.pinned")[0]
    assert world.runs["train"] in event.details
    pin_baseline(store, None, project=world.project, by="ben")
    assert baseline_of(store.reader, world.project) is None


def test_what_is_not_there_or_empty_is_said(store: Store) -> None:
    run = make_world(store).runs["train"]

    with pytest.raises(NotFound):
        note(store, "ffff", "x", by="ana")
    with pytest.raises(Usage, match="1 to 4,000"):
        note(store, run, "  ", by="ana")
    with pytest.raises(Usage, match="has no tag 'gone'"):
        tag(store, run, {}, remove=["gone"], by="ana")
