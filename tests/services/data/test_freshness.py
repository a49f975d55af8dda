"""A source that is too old is said to be so, also when nothing comes in any more."""

from datetime import UTC, datetime, timedelta

from app.domain.workspace import Workspace
from app.services.data import stale_sources
from app.store.engine import Store
from tests.services.made import PROJECT, homes, take_in

LIMITED = PROJECT.replace('\ntime = "asked_at"\n', '\ntime = "asked_at"\nmax_age_hours = 1000000\n')
NEWEST = datetime(2013, 1, 3, 12, tzinfo=UTC)


def test_a_source_becomes_stale_when_its_newest_row_is_older_than_allowed(workspace: Workspace, store: Store) -> None:
    project = homes(workspace, project=LIMITED)
    never = stale_sources(store.reader, workspace, at=NEWEST)
    take_in(store, project)

    fresh = stale_sources(store.reader, workspace, at=NEWEST + timedelta(hours=1_000_000))
    (old,) = stale_sources(store.reader, workspace, at=NEWEST + timedelta(hours=1_000_001), project="homes")

    assert [(one.source, one.age_h) for one in never] == [("homes", None)], "rates has no limit"
    assert fresh == []
    assert (old.newest, old.age_h, old.limit_h) == (NEWEST, 1_000_001, 1_000_000)
    assert old.says == "source homes: its newest row is 1,000,001 h old, at most 1,000,000 h are allowed"
