"""A source that is too old is said to be so, also when nothing comes in any more."""

from datetime import UTC, datetime, timedelta

from app.domain.workspace import Workspace
from app.services.data import source_ages, source_states
from app.store.engine import Store
from tests.services.made import PROJECT, homes, take_in

LIMITED = PROJECT.replace('\ntime = "asked_at"\n', '\ntime = "asked_at"\nmax_age_hours = 1000000\n')
NEWEST = datetime(2013, 1, 3, 12, tzinfo=UTC)


def test_a_source_becomes_stale_when_its_newest_row_is_older_than_allowed(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=LIMITED)
    never = source_ages(store.reader, project.file, at=NEWEST)
    take_in(store, project)

    fresh = source_ages(store.reader, project.file, at=NEWEST + timedelta(hours=1_000_000))
    old = source_ages(store.reader, project.file, at=NEWEST + timedelta(hours=1_000_001))

    assert {name: age.is_stale for name, age in never.items()} == {"homes": True, "rates": False}, "no limit: any age"
    assert not fresh["homes"].is_stale
    assert (old["homes"].age_h, old["homes"].is_stale, old["rates"].is_stale) == (1_000_001, True, False)
    assert old["homes"].says == "the newest row of homes is 1,000,001 h old, at most 1,000,000 h are allowed"
    listed = {state.source: (state.is_stale, state.freshness) for state in source_states(store.reader, workspace)}
    assert listed == {"homes": (False, "fresh"), "rates": (False, "")}
