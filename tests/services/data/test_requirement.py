"""The requirement as an agreement, tickets between roles, imports, profiles and comparisons of snapshots."""

import json

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import BadInput, NotFound, Refused, Usage
from app.domain.roles import Role
from app.domain.workspace import Workspace
from app.services import data
from app.store import artifacts
from app.store.engine import Store
from app.store.queries.tickets import tickets
from app.store.tables import AuditEvent, LineageEdge, Snapshot
from tests.services.made import HOMES, PROJECT, deliver, homes, take_in

HEADER = HOMES.split("\n", 1)[0]
STRICT = PROJECT.replace('\ntime = "asked_at"\n', '\ntime = "asked_at"\nsign_off = "required"\n')


def test_a_requirement_is_agreed_when_two_people_of_two_roles_signed_and_asks_again_when_it_changes(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace, project=STRICT)
    with pytest.raises(Refused, match="sign-off by two people of two roles"):
        take_in(store, project, "homes")

    one = data.agree(store, project, "homes", Role.DATA_SCIENTIST, by="ana", reason="enough to learn from")
    with pytest.raises(Refused, match=r"R3 .* has agreed to it already"):
        data.agree(store, project, "homes", Role.DATA_SCIENTIST, by="ben")
    alone = data.agree(store, project, "homes", Role.STAKEHOLDER, by="ana")
    with pytest.raises(Refused, match=r"signed by R3, R1, always ana; one more person is to agree"):
        take_in(store, project, "homes")
    two = data.agree(store, project, "homes", Role.DATA_ENGINEER, by="ben", reason="can be delivered")

    assert (one.is_agreed, alone.is_agreed, two.is_agreed) == (False, False, True)
    assert take_in(store, project, "homes")[0].accepted == 3
    changed = homes(workspace, project=STRICT.replace("minimum = 1", "minimum = 2"))
    assert not data.agreement_of(store, changed, "homes").is_agreed


def test_a_batch_whose_newest_row_is_too_old_is_refused_whole(workspace: Workspace, store: Store) -> None:
    project = homes(
        workspace, project=PROJECT.replace('\ntime = "asked_at"\n', '\ntime = "asked_at"\nmax_age_hours = 24\n')
    )

    with pytest.raises(
        Refused, match=r"the newest row of the batch is .* h old, at most 24 h are allowed; nothing was taken in"
    ):
        take_in(store, project, "homes")

    with store.read() as session:
        assert session.execute(select(col(Snapshot.id))).first() is None


def test_a_ticket_goes_from_one_role_to_the_other_and_back_and_the_audit_log_has_it_all(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace)

    opened = data.open_ticket(store, project, "size in square metres", by="ana", wish="not in feet", source="homes")
    waiting = tickets(store.reader, role="R4")
    data.take_ticket(store, opened.key, by="ben")
    with pytest.raises(Refused, match="is taken already"):
        data.take_ticket(store, opened.key, by="cem")
    done = data.resolve_ticket(store, opened.key[:6], by="ben", answer="since May")

    assert [one.key for one in waiting] == [opened.key]
    assert done.state == "resolved"
    assert tickets(store.reader) == []
    with store.read() as session:
        told = session.execute(
            select(col(AuditEvent.action), col(AuditEvent.actor)).where(
                col(AuditEvent.subject) == f"ticket:{opened.key}"
            )
        ).all()
    assert [tuple(row) for row in told] == [
        ("data.ticket_opened", "ana"),
        ("data.ticket_taken", "ben"),
        ("data.ticket_resolved", "ben"),
    ]


def test_a_ticket_needs_words_and_an_answer(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    with pytest.raises(Refused, match="needs a title"):
        data.open_ticket(store, project, "  ", by="ana")
    with pytest.raises(Usage, match="no source"):
        data.open_ticket(store, project, "x", by="ana", source="nothing")
    opened = data.open_ticket(store, project, "x", by="ana")

    with pytest.raises(Refused, match="closed with an answer"):
        data.resolve_ticket(store, opened.key, by="ben", answer=" ")


def test_an_imported_file_lies_where_the_next_ingest_finds_it(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    take_in(store, project, "homes")
    file = workspace.root / "more.csv"
    file.write_text(f"{HEADER}\nk1,ulm,2013-01-05T00:00:00Z,5,1\nk2,ulm,never,5,1\n")

    done = data.import_file(store, project, "homes", file, by="ana")
    (taken,) = take_in(store, project, "homes")

    assert (done.rows, done.broken, done.path) == (2, 1, "incoming/homes/more.csv")
    assert (taken.accepted, taken.quarantined) == (1, 1)
    with pytest.raises(Refused, match="it lies there already"):
        data.import_file(store, project, "homes", file, by="ana")
    assert not list((project.folder / "incoming/homes").glob(".*"))


def test_a_file_that_an_ingest_would_refuse_is_not_copied(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    bad, named = workspace.root / "bad.csv", workspace.root / "rows.txt"
    bad.write_text("town,asked_at,size,price\nulm,2013-01-01,1,1\n")
    named.write_text(HOMES)

    with pytest.raises(BadInput, match="'home' is not there"):
        data.import_file(store, project, "homes", bad, by="ana")
    with pytest.raises(Refused, match="does not match"):
        data.import_file(store, project, "homes", named, by="ana")
    with pytest.raises(NotFound, match="there is no file"):
        data.import_file(store, project, "homes", workspace.root / "nothing.csv", by="ana")

    assert [path.name for path in (project.folder / "incoming/homes").iterdir()] == ["one.csv"]


def test_the_profile_of_a_snapshot_is_an_artifact_in_its_lineage_and_knows_the_target(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace)
    (taken,) = take_in(store, project, "homes")

    found = data.profile_of(store, project, taken.snapshots[0][:6])

    assert found.digest is not None
    with store.read() as session:
        assert json.loads(artifacts.get(session, found.digest)) == found.document
        edges = session.execute(
            select(col(LineageEdge.from_key)).where(
                col(LineageEdge.to_kind) == "profile", col(LineageEdge.to_key) == found.digest
            )
        ).scalars()
        assert list(edges) == [taken.snapshots[0]]
    target = found.document["target"]
    assert isinstance(target, dict)
    assert (target["name"], target["labelled"], target["rows"]) == ("price", 2, 3)


def test_rows_that_should_be_labelled_and_are_not_are_refused_with_the_word_target(
    workspace: Workspace, store: Store
) -> None:
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", f"{HEADER}\nh1,ulm,2013-01-02T00:00:00Z,70,\nh2,ulm,2013-01-03T00:00:00Z,80,\n")
    take_in(store, project)

    with pytest.raises(Refused, match="no row has a value of the target price"):
        data.profile_of(store, project, "homes").require_labels()
    data.profile_of(store, project, "rates").require_labels()


def test_feature_code_that_fails_does_not_stop_an_ingest_and_the_profile_says_so(
    workspace: Workspace, store: Store
) -> None:
    code = "def asked(homes):\n    return homes.rename(columns={'price': 'cost'}).assign(price=1 / 0)\n"
    project = homes(workspace, project=PROJECT.replace('target = "price"', 'target = "cost"'), code=code)

    take_in(store, project, "homes")

    target = data.profile_of(store, project, "homes").document["target"]
    assert isinstance(target, dict)
    assert target["labelled"] is None
    assert "ZeroDivisionError" in target["says"]


def test_two_snapshots_are_compared_by_the_beginnings_of_their_keys(workspace: Workspace, store: Store) -> None:
    project = homes(workspace)
    (first,) = take_in(store, project, "homes")
    deliver(workspace, "homes/two.csv", f"{HEADER}\nk1,bonn,2013-01-05T00:00:00Z,5,1\n")
    (second,) = take_in(store, project, "homes")

    found = data.compare_snapshots(store, project, first.snapshots[0][:8], second.snapshots[0])

    assert (found.before.rows, found.after.rows) == (3, 1)
    assert {one.change for one in found.columns} == {"same"}
    with pytest.raises(NotFound, match="no snapshot 'zzz'"):
        data.compare_snapshots(store, project, "zzz", second.snapshots[0])
