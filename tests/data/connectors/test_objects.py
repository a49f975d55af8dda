"""Objects by URL: a folder elsewhere, and HTTP with everything that can go wrong on the way."""

import gzip
from pathlib import Path

import pytest

from app.domain.errors import BadInput, NotFound, Refused, TrainmasterError, Unavailable
from app.domain.workspace import Workspace
from app.services.data import newest_snapshots, try_source
from app.store.engine import Store
from tests.data.connectors.made import log_of, orders, shop, web

ROWS = b"id,price\n1,2.5\n2,3.5\n"
SECRET = "hunter2-of-the-shop"


def test_a_glob_elsewhere_is_taken_in_once_and_a_changed_object_again(
    workspace: Workspace, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "a.csv").write_bytes(ROWS)
    (tmp_path / "lake" / "b.csv.gz").write_bytes(gzip.compress(ROWS + b"3,1\n"))
    project = shop(workspace, f'url = "file://{tmp_path}/lake/*.csv*"\n')

    taken = [orders(store, project).accepted, orders(store, project).accepted]
    (tmp_path / "lake" / "a.csv").write_bytes(ROWS + b"9,9\n")
    taken.append(orders(store, project).accepted)

    assert taken == [5, 0, 3]
    assert [snapshot.rows for snapshot in newest_snapshots(store, 1)] == [3, 3]


def test_http_is_asked_for_the_body_only_when_its_version_changed(workspace: Workspace, store: Store) -> None:
    with web() as server:
        server.files["/rows.csv"] = ROWS
        project = shop(
            workspace, f'url = "{server.url}/rows.csv?token=${{TOKEN}}"\noptions = {{ X-Key = "${{TOKEN}}" }}\n'
        )
        (workspace.secrets_file).write_text(f"TOKEN={SECRET}\n")
        workspace.secrets_file.chmod(0o600)

        tested = try_source(project, "orders", rows=1)
        server.asked.clear()
        taken = [orders(store, project).accepted, orders(store, project).accepted]
        asked = list(server.asked)

    assert tested.rows == ({"id": "1", "price": "2.5"},)
    assert taken == [2, 0]
    assert [line.split("?")[0] for line in asked] == ["HEAD /rows.csv", "GET /rows.csv", "HEAD /rows.csv"]
    assert f"token={SECRET}" in asked[0]
    assert server.headers[0]["X-Key"] == SECRET
    assert newest_snapshots(store, 1)[0].path == f"{server.url}/rows.csv"


WRONG: dict[str, tuple[str, list[int], type[TrainmasterError], str]] = {
    "nothing there": ("/gone.csv", [], NotFound, "there is nothing at"),
    "no permission": ("/rows.csv", [403, 403], Refused, "access was refused"),
    "a server that fails": ("/rows.csv", [503] * 20, Unavailable, "503"),
    "an unknown format": ("/rows", [], BadInput, "format of 'rows' is not known"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_source_that_fails_names_itself_and_the_next_command(
    workspace: Workspace, store: Store, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, status, kind, words = WRONG[case]
    monkeypatch.setattr("app.data.connectors.extract.FIRST_WAIT_S", 0.01)
    with web() as server:
        server.files |= {"/rows.csv": ROWS, "/rows": ROWS}
        server.status = status
        project = shop(workspace, f'url = "{server.url}{path}"\n')

        with pytest.raises(kind) as found:
            orders(store, project)

    assert words in found.value.message
    assert found.value.where == "source orders"
    assert found.value.next_step
    assert store.reader.value("SELECT count(*) FROM snapshot") == 0


def test_a_failing_server_is_tried_again_with_growing_waits_that_the_log_shows(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.data.connectors.extract.FIRST_WAIT_S", 0.01)
    with web() as server:
        server.files["/rows.csv"] = ROWS
        server.status = [503] * 4  # HEAD, and the GET that fsspec tries instead, twice
        taken = orders(store, shop(workspace, f'url = "{server.url}/rows.csv"\n'))

    tries = [line for line in log_of(store) if "try" in line]
    assert taken.accepted == 2
    assert [line.split(" failed")[0] for line in tries] == ["source orders: try 1 of 4", "source orders: try 2 of 4"]
    assert [line.rsplit("; ", 1)[1] for line in tries] == ["again in 0.01 s", "again in 0.02 s"]


def test_a_body_that_ends_early_leaves_nothing(
    workspace: Workspace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.data.connectors.extract.FIRST_WAIT_S", 0.01)
    with web() as server:
        server.files["/rows.csv"] = ROWS * 5000
        server.cut = True
        project = shop(workspace, f'url = "{server.url}/rows.csv"\n')

        with pytest.raises(Unavailable, match="source orders"):
            orders(store, project)

        server.cut = False
        server.files["/rows.csv"] = ROWS
        after = orders(store, project)

    assert after.accepted == 2
    assert not list(workspace.spool("shop", "orders").glob("work"))
