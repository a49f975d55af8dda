"""Any process killed at any moment: its run says crashed, the store is clean, what was done stays."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services import infrastructure, registry, runs, upkeep
from app.services.proposal import propose, write_project
from app.services.repository import commit_workspace
from app.services.workspaces import open_project
from app.store.engine import Store
from tests.faults.made import counts, rows_csv, written
from tests.live import Live

PATIENCE_S = 120.0


def make_small(workspace: Workspace, folder: Path) -> None:
    """The project `one`, as `init` writes it from a small file; every version of it may go up."""
    write_project(workspace, "one", propose(written(folder, "a.csv", rows_csv(400))))
    with workspace.project_file("one").open("a") as stream:
        stream.write("\n[gates]\nminimum_gain_over_baseline = -1.0\nminimum_gain_over_production = -1.0\n")
    commit_workspace(workspace, "Every version may go up", "projects/one/project.toml")


@contextmanager
def pipeline(workspace: Workspace) -> "Iterator[subprocess.Popen[bytes]]":
    """A run of the pipeline without any server, in a child that is gone afterwards."""
    child = subprocess.Popen(
        [sys.executable, "-m", "flows.pipeline", "--project", "one", "--workspace", str(workspace.root), "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait(10)


def require_clean(store: Store, workspace: Workspace) -> None:
    """What fsck finds, which must be nothing."""
    assert upkeep.fsck(store, workspace.features).problems == ()


def killed_at_many_moments(store: Store, workspace: Workspace, folder: Path, moments: int) -> None:
    """Kill a pipeline at moments spread over its life, heal, check, and let one end well at last."""
    make_small(workspace, folder)
    begun = time.monotonic()
    with pipeline(workspace) as child:
        assert child.wait(PATIENCE_S) == 0
    life_s = time.monotonic() - begun
    was_running = 0
    for moment in range(moments):
        with (workspace.project_folder("one") / "incoming" / "rows" / "rows.csv").open("a") as stream:
            stream.write(f"{moment},ulm,1\n")  # something to do for every stage
        known = runs_of(store)
        with pipeline(workspace) as child:
            time.sleep(life_s * (0.25 + 0.75 * (moment + 0.5) / moments))
            child.kill()
            child.wait(10)
        running = {key for key, state in runs_of(store).items() if state == "running" and key not in known}
        done = {key for key, state in runs_of(store).items() if state == "completed"}
        before = counts(workspace)

        healed = upkeep.heal(store)

        was_running += bool(running)
        assert {one.thing for one in healed} >= {f"run:{key}" for key in running}
        after = runs_of(store)
        assert {after[key] for key in running} <= {"crashed"}
        assert {after[key] for key in done} <= {"completed"}
        assert "running" not in after.values()
        assert tasks_in(store, "running") == 0
        assert counts(workspace) == before
        assert upkeep.heal(store) == []
        require_clean(store, workspace)
    assert was_running >= moments // 2
    assert tasks_in(store, "crashed") >= 1

    before = counts(workspace)
    with pipeline(workspace) as child:
        assert child.wait(PATIENCE_S) == 0
    assert counts(workspace)["model_version"] == before["model_version"] + 1
    require_clean(store, workspace)


def runs_of(store: Store) -> dict[str, str]:
    """Every run and its state."""
    return {row["key"]: row["state"] for row in store.reader.rows("SELECT key, state FROM run")}


def tasks_in(store: Store, state: str) -> int:
    """How many tasks are in a state."""
    return int(store.reader.value("SELECT count(*) FROM task WHERE state = :state", {"state": state}))


@pytest.mark.faults
def test_a_pipeline_without_a_server_that_is_killed_is_healed_and_runs_again(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    killed_at_many_moments(store, workspace, tmp_path / "given", 2)


@pytest.mark.faults
def test_a_pipeline_killed_at_fifteen_moments_is_healed_each_time(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    killed_at_many_moments(store, workspace, tmp_path / "given", 15)


@dataclass(frozen=True)
class Small(Live):
    """The services, with the project `one`."""

    def pipeline(self) -> str:
        """Ask the orchestrator for a run of the pipeline over new data."""
        with (self.workspace.project_folder("one") / "incoming" / "rows" / "rows.csv").open("a") as stream:
            stream.write(f"{time.time() % 1000:.3f},ulm,1\n")
        return runs.request(self.store, self.workspace, "one", "pipeline")

    def up_s(self) -> float:
        """Bring everything up and give the seconds that it took."""
        begun = time.monotonic()
        infrastructure.up(self.workspace, timeout_s=PATIENCE_S)
        return time.monotonic() - begun


@pytest.fixture(scope="module")
def live(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The session's services, with one project more."""
    make_small(live.workspace, tmp_path_factory.mktemp("given"))
    return Small(live.workspace, live.store)


def wait_for(live: Small, key: str, stage: str | None = None) -> str:
    """The state of a run, once it has ended or has reached a stage."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        row = runs.row_of(live.store, key)
        if row.finished_at is not None or (stage is not None and row.task == stage):
            return row.state
        time.sleep(0.02)
    raise AssertionError(f"run {key} is {runs.row_of(live.store, key)}")


def require_healed(live: Small, key: str) -> str:
    """The run that was under way has ended and says how; the store is clean; a new run completes; gives the state."""
    live.up_s()
    state = wait_for(live, key)
    row = runs.row_of(live.store, key)
    assert state in ("completed", "crashed"), row
    assert state == "completed" or (row.error and row.next_step == f"trainmaster runs logs {key}")
    require_clean(live.store, live.workspace)
    assert tasks_in(live.store, "running") == 0
    assert wait_for(live, live.pipeline()) == "completed"
    return state


@pytest.mark.services
@pytest.mark.parametrize("names", [("worker",), ("orchestrator", "gateway", "watcher")], ids="+".join)
def test_services_killed_while_a_pipeline_runs_cost_at_most_that_run(live: Small, names: tuple[str, ...]) -> None:
    live.up_s()
    key = live.pipeline()
    wait_for(live, key, "train")

    kill(live, *names)

    require_healed(live, key)


@pytest.mark.services
def test_an_acknowledged_promotion_survives_the_death_of_everything(live: Small) -> None:
    live.up_s()
    if not counts(live.workspace)["model_version"]:
        assert wait_for(live, live.pipeline()) == "completed"
    newest = int(live.store.reader.value("SELECT max(version) FROM model_version"))
    command = [sys.executable, "-m", "app.main", "models", "promote", "one", str(newest), "--reason", "it is better"]
    command += ["--confirm", "one", "--json", "--workspace", str(live.workspace.root)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    key = live.pipeline()
    wait_for(live, key, "train")
    os.kill(int(live.store.reader.value("SELECT pid FROM lease WHERE key = :key", {"key": key})), signal.SIGKILL)
    kill(live, "supervisor", *infrastructure.SERVICES)

    assert done.returncode == 0, done.stderr
    assert require_healed(live, key) == "crashed"
    assert production(live) == [newest]


@pytest.mark.services
def test_a_control_room_that_is_killed_takes_nothing_with_it(live: Small) -> None:
    live.up_s()
    pids = {one.service: one.pid for one in infrastructure.status(live.store)}
    leader, screen = control_room(live)
    try:
        assert b"Overview" in read_until(leader, b"Overview")
        os.write(leader, b"3")
        assert b"pipeline" in read_until(leader, b"pipeline")
        key = live.pipeline()
        wait_for(live, key, "train")
        os.kill(screen.pid, signal.SIGKILL)
        screen.wait(10)
    finally:
        screen.kill()
        screen.wait(10)
        os.close(leader)

    assert wait_for(live, key) == "completed"
    assert {one.service: one.pid for one in infrastructure.status(live.store)} == pids
    require_healed(live, key)


def promoted(live: Small) -> int:
    """The version in production, brought there when none is."""
    live.up_s()
    if not counts(live.workspace)["model_version"]:
        assert wait_for(live, live.pipeline()) == "completed"
    if production(live) == []:
        newest = int(live.store.reader.value("SELECT max(version) FROM model_version"))
        project = open_project(live.workspace, "one")
        registry.promote_here(live.store, project, "one", newest, by="ana", reason="first", typed_name="one")
    (version,) = production(live)
    return version


def production(live: Small) -> list[int]:
    """What serves, where stage and deployment agree."""
    rows = live.store.reader.rows(
        "SELECT v.version FROM model_version v JOIN deployment d ON d.version_id = v.id AND d.state = 'active' "
        "WHERE v.stage = 'production'"
    )
    return [int(row["version"]) for row in rows]


def answers_again(live: Live, version: int) -> bool | None:
    """Whether the gateway gives the stored bytes of a version, once it answers."""
    until, equal = time.monotonic() + PATIENCE_S, None
    while equal is None and time.monotonic() < until:
        equal = registry.confirm(live.store, live.workspace, "one", version).equal
        time.sleep(0.1)
    return equal


@pytest.mark.faults
def test_a_gateway_that_is_killed_answers_the_same_again(live: Small) -> None:
    version = promoted(live)
    confirmed = [answers_again(live, version)]

    for _ in range(3):
        kill(live, "gateway")
        confirmed.append(answers_again(live, version))

    assert confirmed == [True] * 4
    require_clean(live.store, live.workspace)


@pytest.mark.faults
@pytest.mark.parametrize("moment_s", [0.0, 0.3, 1.5])
def test_a_control_room_killed_during_its_promotion_leaves_one_whole_version(live: Small, moment_s: float) -> None:
    before = promoted(live)
    assert wait_for(live, live.pipeline()) == "completed"
    newest = int(live.store.reader.value("SELECT max(version) FROM model_version"))
    asked = "SELECT key FROM run WHERE flow = 'deploy' AND parameters LIKE '%from the keyboard%' ORDER BY id DESC"
    known = len(live.store.reader.rows(asked))
    leader, screen = control_room(live)
    try:
        assert b"Overview" in read_until(leader, b"Overview")
        os.write(leader, b"5")
        assert b"Versions of one" in read_until(leader, b"Versions of one")
        os.write(leader, b"p")
        assert b"What changes" in read_until(leader, b"What changes")
        for keys in (b"\t", b"from the keyboard", b"\r", b"one", b"\t", b"\r"):
            os.write(leader, keys)
            time.sleep(0.3)
        time.sleep(moment_s)
        os.kill(screen.pid, signal.SIGKILL)
        screen.wait(10)
    finally:
        screen.kill()
        screen.wait(10)
        os.close(leader)

    runs_asked = live.store.reader.rows(asked)
    assert len(runs_asked) in (known, known + 1)
    if len(runs_asked) > known:  # it was asked for: it is carried out without the screen
        assert wait_for(live, runs_asked[0]["key"]) == "completed"
    assert production(live) == [newest if len(runs_asked) > known else before]
    assert moment_s == 0.0 or len(runs_asked) == known + 1
    require_clean(live.store, live.workspace)


def kill(live: Small, *names: str) -> None:
    """Kill services, with no chance to clean up."""
    victims = [infrastructure.process_of(live.store, name) for name in names]
    assert all(victims)
    for victim in victims:
        if victim is not None:
            os.kill(victim.pid, signal.SIGKILL)


def control_room(live: Small) -> "tuple[int, subprocess.Popen[bytes]]":
    """The control room on a terminal of its own: our end of it, and the process."""
    leader, follower = pty.openpty()
    screen = subprocess.Popen(
        [sys.executable, "-m", "app.main", "--workspace", str(live.workspace.root)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"},
        start_new_session=True,
    )
    os.close(follower)
    return leader, screen


def read_until(leader: int, wanted: bytes) -> bytes:
    """What a terminal was given, until some text was there."""
    seen, until = b"", time.monotonic() + 30
    while wanted not in seen and time.monotonic() < until:
        ready, _, _ = select.select([leader], [], [], 0.2)
        if ready:
            seen += os.read(leader, 65536)
    return seen
