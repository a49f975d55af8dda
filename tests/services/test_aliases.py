"""Aliases and stages: a ledger that only grows, and production that only promotions move."""

from datetime import timedelta

import pytest

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.states import Stage
from app.domain.workspace import Workspace
from app.services import registry
from app.services.workspaces import OpenProject, now
from app.store.engine import Store
from app.store.queries.aliases import aliases_of, moves_of, served_at
from tests.learning.made import make_frame, make_project, version_on


@pytest.fixture
def project(store: Store, workspace: Workspace) -> OpenProject:
    """Two versions, none in production."""
    made = make_project(workspace)
    for rounds in (8, 9):
        version_on(store, made, make_frame(1500), parameters={"rounds": rounds})
    return made


def promote(store: Store, project: OpenProject, version: int) -> registry.Switched:
    """Promote here, as a person would."""
    return registry.promote_here(store, project, "late", version, by="ana", reason="better", typed_name="late")


def names(store: Store) -> dict[str, int]:
    """Alias -> version."""
    return {row.alias: row.version for row in aliases_of(store.reader, "late")}


def test_what_was_in_production_at_a_moment_is_one_question(store: Store, project: OpenProject) -> None:
    moments = [now()]
    for version in (1, 2):
        promote(store, project, version)
        moments.append(now())
    registry.rollback(store, "late", by="ben", reason="worse")

    served = [served_at(store.reader, "late", moment) for moment in (*moments, now())]

    assert [row.version if row else None for row in served] == [None, 1, 2, 1]
    assert names(store) == {"champion": 1}
    assert [(m.alias, m.before, m.after) for m in moves_of(store.reader, "late", alias="champion")] == [
        ("champion", 2, 1),
        ("champion", 1, 2),
        ("champion", None, 1),
    ]
    assert moves_of(store.reader, "late", until=moments[0]) == []
    assert served_at(store.reader, "late", now() - timedelta(days=4000)) is None


def test_the_alias_previous_names_what_a_rollback_returns_to(store: Store, project: OpenProject) -> None:
    promote(store, project, 1)
    promote(store, project, 2)

    assert names(store) == {"champion": 2, "previous": 1}


def test_a_person_moves_an_alias_and_takes_it_away(store: Store, project: OpenProject) -> None:
    registry.point(store, "late", "eu", 1, by="ana", reason="pilot")
    moved = registry.point(store, "late", "eu", 2, by="ana")
    gone = registry.point(store, "late", "eu", None, by="ana")

    assert moved.says == "late@eu: v1 → v2"
    assert gone.after is None
    assert names(store) == {}
    assert len(moves_of(store.reader, "late", alias="eu")) == 3


def test_a_protected_alias_follows_promotions_and_nobody_else(store: Store, project: OpenProject) -> None:
    registry.point(store, "late", "blessed", 2, by="ana", protect=True)

    for name in ("blessed", "champion", "previous"):
        with pytest.raises(Refused, match="protected"):
            registry.point(store, "late", name, 2, by="ana")
    promote(store, project, 1)

    assert names(store)["blessed"] == 1


def test_an_alias_has_a_plain_name_and_a_version_that_is_there(store: Store, project: OpenProject) -> None:
    with pytest.raises(BadInput, match="cannot be an alias"):
        registry.point(store, "late", "[red]EU", 1, by="ana")
    with pytest.raises(NotFound):
        registry.point(store, "late", "eu", 99, by="ana")
    with pytest.raises(NotFound):
        registry.point(store, "late", "eu", None, by="ana")


def test_a_stage_is_set_by_hand_but_production_is_not(store: Store, project: OpenProject) -> None:
    promote(store, project, 1)

    staged = registry.stage(store, "late", 2, Stage.NONE, by="ana", reason="not now")

    assert staged.says == "late v2: staging → none"
    with pytest.raises(Refused, match="promotion"):
        registry.stage(store, "late", 2, Stage.PRODUCTION, by="ana", reason="now")
    with pytest.raises(Refused, match="serves"):
        registry.stage(store, "late", 1, Stage.ARCHIVED, by="ana", reason="old")
    with pytest.raises(Refused, match="already"):
        registry.stage(store, "late", 2, Stage.NONE, by="ana", reason="again")
    with pytest.raises(Refused, match="no stage"):
        promote(store, project, 2)
