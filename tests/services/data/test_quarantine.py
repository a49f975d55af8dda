"""Quarantine: repair, release, reject; the books balance at every moment."""

import io
import json

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlmodel import col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.states import QuarantineState
from app.domain.workspace import Workspace
from app.services import data
from app.services.data import newest_snapshots, snapshot_bytes
from app.services.upkeep import fsck
from app.services.workspaces import OpenProject
from app.store.engine import Store
from app.store.queries.data import quarantined_rows
from app.store.tables import AuditEvent, QuarantinedRow, Snapshot
from tests.services.made import HOMES, PROJECT, deliver, homes, take_in

HEADER = HOMES.split("\n", 1)[0]
BAD = f"""{HEADER}
g1,ulm,2013-01-05T00:00:00Z,5,1
x1,ulm,2013-01-05T00:00:00Z,0,1
g2,ulm,2013-01-06T00:00:00Z,6,2
x2,ulm,never,7,1
g3,ulm,2013-01-07T00:00:00Z,7,3
"""


@pytest.fixture
def project(workspace: Workspace, store: Store) -> OpenProject:
    """Homes with two bad rows of five."""
    found = homes(workspace)
    deliver(workspace, "homes/one.csv", BAD)
    take_in(store, found, "homes")
    return found


def ids(store: Store) -> list[int]:
    return [row.id for row in quarantined_rows(store.reader)]


def standing(store: Store) -> list[dict[str, object]]:
    (info,) = newest_snapshots(store, 1, ["homes"])
    rows: list[dict[str, object]] = pq.read_table(io.BytesIO(snapshot_bytes(store, info))).to_pylist()
    return rows


def require_balance(store: Store) -> None:
    """In = accepted + quarantined, in every snapshot, and in the rows that are kept."""
    with store.read() as session:
        for one in session.execute(select(Snapshot)).scalars():
            assert one.rows_in == one.rows + one.quarantined
        (info,) = newest_snapshots(store, 1, ["homes"])
        now = session.execute(select(Snapshot).where(col(Snapshot.key) == info.key)).scalars().one()
        out = session.execute(
            select(func.count())
            .select_from(QuarantinedRow)
            .where(col(QuarantinedRow.state) != QuarantineState.RELEASED)
        ).scalar_one()
    assert now.quarantined == out
    assert len(standing(store)) == now.rows


def test_a_repaired_row_is_released_into_a_new_snapshot_in_its_old_place(store: Store, project: OpenProject) -> None:
    first, _ = ids(store)
    (before,) = newest_snapshots(store, 1, ["homes"])

    repaired = data.repair(store, project, first, {"size": "9"}, by="ana", reason="measured again")
    done = data.release(store, project, [first], by="ana", reason="it is right now")

    (after,) = newest_snapshots(store, 1, ["homes"])
    assert repaired.still_broken == ""
    assert [row["home"] for row in standing(store)] == ["g1", "x1", "g2", "g3"]
    assert standing(store)[1]["size"] == 9
    assert done.snapshots == (after.key,)
    assert after.key != before.key
    assert len(pq.read_table(io.BytesIO(snapshot_bytes(store, before)))) == 3
    require_balance(store)
    assert fsck(store, project.workspace.features).ok


def test_a_row_that_still_breaks_the_contract_is_refused_and_nothing_is_written(
    store: Store, project: OpenProject
) -> None:
    first, second = ids(store)
    data.repair(store, project, first, {"size": "9"}, by="ana")

    with pytest.raises(Refused, match=r"row 4 still breaks the contract: asked_at: 'never' is not a time"):
        data.release(store, project, [first, second], by="ana")

    assert [row["home"] for row in standing(store)] == ["g1", "g2", "g3"]
    require_balance(store)


def test_a_released_row_may_not_repeat_a_key_that_was_accepted(store: Store, project: OpenProject) -> None:
    first, _ = ids(store)
    data.repair(store, project, first, {"size": "9", "home": "g3"}, by="ana")

    with pytest.raises(Refused, match="the same home were there before"):
        data.release(store, project, [first], by="ana")


def test_a_repair_says_what_is_still_wrong_and_keeps_what_was_delivered(store: Store, project: OpenProject) -> None:
    _, second = ids(store)

    repaired = data.repair(store, project, second, {"asked_at": "soon"}, by="ana")

    row = quarantined_rows(store.reader)[1]
    assert repaired.still_broken == "asked_at: 'soon' is not a time (ISO 8601)"
    assert json.loads(row.content)["asked_at"] == "never"
    assert json.loads(row.repairs) == {"asked_at": "soon"}


def test_a_decided_row_cannot_be_decided_again(store: Store, project: OpenProject) -> None:
    first, _ = ids(store)
    data.reject(store, project, [first], by="ana", reason="a test entry")

    with pytest.raises(Refused, match="is discarded already"):
        data.release(store, project, [first], by="ana")
    with pytest.raises(Refused, match="is discarded already"):
        data.repair(store, project, first, {"size": "9"}, by="ana")
    require_balance(store)


def test_unknown_rows_and_columns_are_named(store: Store, project: OpenProject) -> None:
    first, _ = ids(store)

    with pytest.raises(NotFound, match="no row 999"):
        data.release(store, project, [999], by="ana")
    with pytest.raises(Usage, match="no column 'weight'"):
        data.repair(store, project, first, {"weight": "1"}, by="ana")


def test_rows_of_a_file_that_was_delivered_again_cannot_be_released(
    workspace: Workspace, store: Store, project: OpenProject
) -> None:
    first, _ = ids(store)
    deliver(workspace, "homes/one.csv", BAD.replace(",0,1", ",8,1"))
    take_in(store, project, "homes")
    data.repair(store, project, first, {"size": "9"}, by="ana")

    with pytest.raises(Refused, match="was delivered again since"):
        data.release(store, project, [first], by="ana")


def test_every_decision_is_in_the_audit_log(store: Store, project: OpenProject) -> None:
    first, second = ids(store)
    data.repair(store, project, first, {"size": "9"}, by="ana", reason="measured")
    data.release(store, project, [first], by="ana", reason="right")
    data.reject(store, project, [second], by="ben", reason="no date")

    with store.read() as session:
        told = session.execute(select(col(AuditEvent.action), col(AuditEvent.actor), col(AuditEvent.reason))).all()
    assert [tuple(row) for row in told][-3:] == [
        ("data.row_repaired", "ana", "measured"),
        ("data.rows_released", "ana", "right"),
        ("data.rows_rejected", "ben", "no date"),
    ]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["repair", "release", "reject"])), max_size=8))
def test_the_books_balance_whatever_a_person_does(
    workspace: Workspace, store: Store, steps: list[tuple[int, str]]
) -> None:
    tag = f"n{len(ids(store))}"
    rows = "".join(f"{tag}-{at},ulm,2013-01-05T00:00:00Z,{0 if at % 2 else 5},1\n" for at in range(12))
    project = homes(workspace)
    deliver(workspace, "homes/one.csv", f"{HEADER}\n{rows}")
    take_in(store, project, "homes")
    mine = ids(store)[-6:]
    with store.write() as session:  # older rounds of this store are of files that were delivered again
        for row in session.execute(select(QuarantinedRow)).scalars():
            if row.id not in mine:
                row.state = QuarantineState.RELEASED

    for at, act in steps:
        try:
            match act:
                case "repair":
                    data.repair(store, project, mine[at], {"size": "3"}, by="ana")
                case "release":
                    data.release(store, project, [mine[at]], by="ana")
                case _:
                    data.reject(store, project, [mine[at]], by="ana", reason="x")
        except Refused:
            pass
        require_balance(store)
    names = [str(row["home"]) for row in standing(store)]
    assert names == sorted(names, key=lambda name: int(name.rpartition("-")[2]))


def test_private_values_are_hidden_until_somebody_asks_with_a_reason_that_is_kept(
    workspace: Workspace, store: Store
) -> None:
    private = PROJECT.replace('price = { type = "number" }', 'town = { privacy = "personal" }')
    project = homes(workspace, project=private)
    deliver(workspace, "homes/one.csv", BAD)
    take_in(store, project, "homes")
    first = ids(store)[0]

    tried = data.try_source(project, "homes")
    repaired = data.repair(store, project, first, {"town": "bonn", "size": "1"}, by="ana")
    (hidden, _) = quarantined_rows(store.reader)
    with pytest.raises(Refused, match="for a reason only"):
        data.reveal(store, project, [first], by="ana", reason=" ")
    (shown,) = data.reveal(store, project, [first], by="ana", reason="the customer asked")

    assert {row["town"] for row in tried.rows} == {"(private)"}, (
        "a sample of a source shows no more than its quarantine"
    )
    assert json.loads(hidden.content) == {**json.loads(shown.content), "town": "(private)"}
    assert (json.loads(hidden.repairs)["town"], repaired.values["town"]) == ("(private)", "(private)")
    assert (json.loads(shown.content)["town"], json.loads(shown.repairs)["town"]) == ("ulm", "bonn")
    with store.read() as session:
        seen = session.execute(
            select(col(AuditEvent.actor), col(AuditEvent.reason), col(AuditEvent.details)).where(
                col(AuditEvent.action) == "data.rows_revealed"
            )
        ).one()
        events = session.execute(select(col(AuditEvent.details))).scalars().all()
    assert (seen[0], seen[1], first in json.loads(seen[2])["rows"]) == ("ana", "the customer asked", True)
    assert not any("bonn" in str(one) for one in events), "the audit log holds no private value"
