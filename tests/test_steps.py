"""The checks of the reference architecture's steps 4 to 28, each by commands without a terminal."""

import contextlib
import csv
import hashlib
import io
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from app.cli.main import run
from app.domain.workspace import Workspace
from app.features import offline
from app.features.online import micros
from app.services import serving, upkeep
from app.services.features.online import open_online
from app.services.features.reading import feature_sets, folder_of
from app.services.workspaces import now, open_project, open_store
from tests.data.connectors.made import web

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

TOML = """
name = "homes"

[charter]
goal = "know which homes sell late"
kpi = "auc"
owner = "ana"

[problem]
task = "binary"
target = "late"
entity = ["home"]
event_time = "asked_at"

[sources.homes]
path = "incoming/homes/*.csv"
unique_key = ["home"]
time = "asked_at"
max_quarantined_share = 0.5

[sources.homes.columns]
home = { type = "text", required = true }
asked_at = { type = "time", required = true }
town = { type = "text", required = true }
size = { type = "number", required = true, minimum = 1 }
late = { type = "integer", required = true, minimum = 0, maximum = 1 }

[sources.rates]
path = "incoming/rates/*.csv"
time = "at"

[sources.rates.columns]
town = { type = "text", required = true }
rate = { type = "number", required = true }
at = { type = "time", required = true }

[spine]
function = "asked"

[views.facts]
entity = ["home"]
description = "what is known of a home"

[views.rates_in_town]
entity = ["town"]
event_time = "at"
ttl_hours = 100000
description = "the newest rate in the town"

[split]
kind = "time"
test_months = 1

[learner]
rounds = 20
"""

CODE = '''"""Features of homes."""

import pandas as pd


def asked(homes: pd.DataFrame) -> pd.DataFrame:
    return homes[["home", "town", "asked_at", "late"]]


def facts(homes: pd.DataFrame) -> pd.DataFrame:
    return homes[["home", "size"]]


def rates_in_town(rates: pd.DataFrame) -> pd.DataFrame:
    return rates[["town", "at", "rate"]]
'''

FEED = """
[sources.feed]
url = "{url}/feed.csv?key=${{FEED_KEY}}"
options = {{ X-Key = "${{FEED_KEY}}" }}
retries = 1

[sources.feed.columns]
town = {{ type = "text", required = true }}
"""

TEST = """
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def test_there_are_features() -> None:
    import features

    assert features.facts
"""


SEARCH = """
[search]
learners = ["lightgbm", "mlp"]
folds = 2

[search.spaces.mlp]
learning_rate = 1e300
epochs = 2
"""

RATES = """town,rate,at
ulm,3.5,2023-12-31T00:00:00Z
bonn,4.5,2023-12-31T00:00:00Z
ulm,3.75,2024-02-01T00:00:00Z
bonn,4.75,2024-02-01T00:00:00Z
ulm,4,2024-03-01T00:00:00Z
"""


def environment() -> dict[str, str]:
    """The environment without a person's own workspace and Prefect."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRAINMASTER_", "PREFECT_"))}
    return {**kept, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(Path(__file__).parents[1])}


class Shell:
    """A workspace and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "projects" / "homes"

    def tm(self, *arguments: str, ok: bool = True) -> Any:
        """Run one command with --json; gives what it printed, or, when it is to fail, its words on stderr.

        The command line is called in this process, which saves the start of Python; `test_readme.py` uses a shell.
        """
        out, err, code = io.StringIO(), io.StringIO(), 0
        try:
            with (
                contextlib.chdir(self.folder),
                patch.dict(os.environ, environment(), clear=True),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                run([*arguments, "--json"])
        except SystemExit as ended:
            code = int(ended.code or 0)
        assert (code == 0) == ok, (arguments, out.getvalue(), err.getvalue())
        if not ok:
            assert code == 1, err.getvalue()
            return err.getvalue() + out.getvalue()
        return json.loads(out.getvalue()) if out.getvalue().strip() else None

    def flow(self, name: str, *, cause: str, **parameters: object) -> Any:
        """Run a flow's body with a cause; gives its summary without what differs from run to run."""
        words = [f"--set={key}={value}" for key, value in parameters.items()]
        ran = subprocess.run(
            [sys.executable, "-m", f"flows.{name}", "--project=homes", f"--cause={cause}", *words, "--json", "--quiet"],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return {key: value for key, value in json.loads(ran.stdout).items() if key not in ("run", "seconds")}

    @contextmanager
    def gateway(self) -> Iterator[None]:
        """The gateway of the workspace, up while the block lasts."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            (self.folder / ".trainmaster" / "ports.json").write_text(json.dumps({"gateway": probe.getsockname()[1]}))
        token = self.folder / ".trainmaster" / "token"
        token.touch(mode=0o600)
        token.write_text("of-the-test")
        command = [sys.executable, "-m", "app.gateway", "--workspace", str(self.folder)]
        process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 60
            while not serving.health(Workspace(self.folder)).ready:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)

    def git(self, *arguments: str) -> str:
        """Run git in the workspace."""
        command = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def deliver(self, source: str, name: str, text: str) -> None:
        """A file arrives in a source's folder, whole."""
        folder = self.project / "incoming" / source
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f".{name}").write_text(text)
        (folder / f".{name}").rename(folder / name)


def homes(first: int, count: int, *, bad: int = 0) -> str:
    """Rows of the source homes: `count` good ones from number `first` on, then `bad` ones whose size is below 1."""
    chance = random.Random(first)
    lines = ["home,asked_at,town,size,late"]
    for at in range(first, first + count + bad):
        moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=8 * at)
        size = chance.randint(20, 200) if at < first + count else -1
        late = int(chance.random() < (0.8 if size > 110 else 0.2))
        lines.append(f"h{at},{moment.isoformat()},{chance.choice(['ulm', 'bonn'])},{size},{late}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A committed project with three hundred rows that were taken in, and its features."""
    folder = tmp_path_factory.mktemp("steps") / "workspace"
    made = Shell(folder)
    (made.project / "tests").mkdir(parents=True)
    (folder / "trainmaster.toml").touch()
    (folder / ".gitignore").write_text(".trainmaster/\nincoming/\n__pycache__/\n")
    (made.project / "project.toml").write_text(TOML)
    (made.project / "features.py").write_text(CODE)
    (made.project / "tests" / "test_features.py").write_text(TEST)
    made.git("init", "--quiet", "--initial-branch=main")
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "homes")
    made.deliver("homes", "a.csv", homes(0, 300))
    made.deliver("rates", "a.csv", RATES)
    made.tm("data", "ingest")
    made.tm("features", "build")
    return made


@pytest.fixture
def as_committed(shell: Shell) -> Any:
    """After the test the project's files are those of the commit before it."""
    before = shell.git("rev-parse", "HEAD")
    yield
    shell.git("reset", "--quiet", "--hard", before)


@pytest.fixture(scope="module")
def trained(shell: Shell) -> str:
    """The key of a training run that registered version 1, on features of the committed rules."""
    shell.tm("features", "build")
    return str(shell.tm("train", "run")["run"])


def test_4_a_required_column_that_was_dropped_refuses_the_ingest(shell: Shell) -> None:
    shell.deliver("homes", "z.csv", "home,asked_at,town,late\nh9000,2024-09-01T00:00:00Z,ulm,1\n")

    told = shell.tm("data", "ingest", ok=False)
    (shell.project / "incoming/homes/z.csv").unlink()

    assert "size" in told
    assert "[sources.homes" in told


def test_5_the_profile_of_a_snapshot_is_in_the_lineage(shell: Shell) -> None:
    snapshot = next(row for row in shell.tm("data", "snapshots") if row["source"] == "homes")

    nodes = shell.tm("lineage", f"snapshot:{snapshot['key']}")["nodes"]

    (profile,) = [node for node in nodes if node["kind"] == "profile"]
    assert len(profile["digest"]) == 64


@pytest.mark.usefixtures("as_committed")
def test_6_an_edited_rule_is_a_new_version_and_the_difference_is_shown(shell: Shell) -> None:
    before = shell.tm("features", "ls")[0]["version"]
    (shell.project / "features.py").write_text(
        CODE.replace('homes[["home", "size"]]', 'homes[["home", "size"]].assign(large=homes["size"] > 110)')
    )

    built = shell.tm("features", "build")
    difference = shell.tm("features", "diff", str(before), built["features"].rpartition("/v")[2])

    assert built["features"] == f"homes/v{before + 1}"
    assert "large" in json.dumps(difference)


@pytest.mark.usefixtures("as_committed")
def test_7_a_change_of_rules_names_what_caused_it(shell: Shell) -> None:
    (shell.project / "features.py").write_text(
        CODE.replace('["home", "size"]', '["home", "size", "town"]').replace(
            '"size", "town"]]', '"size"]].assign(twice=homes["size"] * 2)'
        )
    )

    cause = shell.tm("runs", "ls")[-1]["run"]
    built = shell.tm("features", "build", "--caused-by", f"run:{cause}")
    edges = shell.tm("lineage", f"features:{built['features']}")["edges"]

    assert "caused_by" in {edge["kind"] for edge in edges}


@pytest.mark.usefixtures("as_committed")
def test_5_unlabelled_data_is_refused_with_the_word_target(shell: Shell) -> None:
    (shell.project / "features.py").write_text(CODE.replace('"late"]]', '"late"]].assign(late=None)'))

    shell.tm("features", "build")
    told = shell.tm("train", "run", ok=False)

    assert "target" in told


@pytest.mark.usefixtures("as_committed")
def test_8_a_source_that_breaks_says_so_shows_its_tries_and_keeps_its_secret(shell: Shell) -> None:
    secret = "hunter2-of-the-feed"
    kept = shell.folder / ".trainmaster" / "secrets"
    kept.write_text(f"FEED_KEY={secret}\n")
    kept.chmod(0o644)
    with web() as server:
        (shell.project / "project.toml").write_text(TOML + FEED.format(url=server.url))
        server.files["/feed.csv"] = b"town\nulm\n"
        readable = shell.tm("data", "test", "feed", ok=False)
        kept.chmod(0o600)
        tested = shell.tm("data", "test", "feed")
        asked = server.headers[-1]["X-Key"]
        server.status = [503] * 20
        told = shell.tm("data", "ingest", "feed", ok=False)
    served = shell.tm("features", "get", "--entity", "town=ulm")
    run = shell.tm("runs", "ls")[0]["run"]
    log = json.dumps(shell.tm("runs", "logs", run))
    kept.unlink()

    assert "others may read it" in readable
    assert (tested["rows"], asked) == ([{"town": "ulm"}], secret)
    assert "source feed" in told
    assert "503" in told
    assert served, "the version before is still served"
    assert "try 1 of 2 failed" in log
    assert "again in 0.5 s" in log
    assert "try 2 of 2 failed" in log
    assert secret not in told + log + json.dumps([shell.tm("runs", "show", run), shell.tm("audit", "ls")])
    files = [file for file in shell.folder.rglob("*") if file.is_file()]
    assert [file for file in files if secret.encode() in file.read_bytes()] == []


def test_9_the_same_input_adds_nothing_and_ten_new_rows_move_the_watermark(shell: Shell) -> None:
    before = shell.tm("data", "snapshots")

    shell.tm("data", "ingest")
    again = shell.tm("data", "snapshots")
    shell.deliver("homes", "b.csv", homes(300, 10))
    shell.tm("data", "ingest")
    after = shell.tm("data", "snapshots")

    assert again == before
    (new,) = [row for row in after if row["key"] not in {one["key"] for one in before}]
    assert new["rows"] == 10
    assert new["watermark"] > max(row["watermark"] for row in before if row["source"] == "homes")


def test_10_five_bad_rows_are_quarantined_and_the_books_balance(shell: Shell) -> None:
    shell.deliver("homes", "c.csv", homes(310, 8, bad=5))

    shell.tm("data", "ingest")

    new = max(
        (row for row in shell.tm("data", "snapshots") if row["source"] == "homes"), key=lambda row: row["created_at"]
    )
    rejected = [row for row in shell.tm("data", "quarantine", "ls") if row["file"].endswith("c.csv")]
    assert (new["rows_in"], new["rows"], new["quarantined"], len(rejected)) == (13, 8, 5, 5)
    assert all("size" in row["reason"] for row in rejected)


def test_11_online_and_offline_agree_and_a_feature_from_the_future_is_refused(shell: Shell, as_committed: None) -> None:
    shell.tm("features", "build")

    skew = shell.tm("features", "verify-skew", "-n", "50")
    (shell.project / "features.py").write_text(
        CODE.replace('rates[["town", "at", "rate"]]', 'rates[["town", "at"]].assign(rate=rates["rate"].max())')
    )
    told = shell.tm("features", "test", ok=False)

    assert skew["differences"] == 0
    assert "rates_in_town" in told


def test_12_readers_of_both_stores_see_one_version_whole_and_a_killed_publish_leaves_the_old_one(
    shell: Shell, as_committed: None
) -> None:
    of_rates = ("features", "get", "--entity", "town=ulm", "--view", "rates_in_town")
    publish_rates(shell, 1)
    with readers_of_rates(shell) as (offline_seen, online_seen):
        publish_rates(shell, 2)
    before = shell.tm("features", "ls")[0], shell.tm(*of_rates)[0]["values"]
    write_rates(shell, 3)

    command = [sys.executable, "-c", KILLED, "--project=homes"]
    killed = subprocess.run(command, cwd=shell.folder, env=environment(), capture_output=True, check=False)
    after = shell.tm("features", "ls")[0], shell.tm(*of_rates)[0]["values"]
    with open_store(Workspace(shell.folder)) as store:
        healed = upkeep.heal(store)  # what `trainmaster up` begins with
    publish_rates(shell, 3)

    assert {len(rates) for rates in (*offline_seen, *online_seen)} == {1}, "never half of one and half of another"
    assert min(len({*map(tuple, seen)}) for seen in (offline_seen, online_seen)) > 1, "they read while it changed"
    assert killed.returncode == -signal.SIGKILL
    assert [one.says.endswith("ended without a word") for one in healed] == [True]
    assert after == before
    assert after[1] == {"rate": 2}
    assert shell.tm("features", "ls")[0]["version"] == before[0]["version"] + 1
    assert shell.tm(*of_rates)[0]["values"] == {"rate": 3}


KILLED = """
import os, signal
from app.services.features import building

building._publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # the tables are written, the version is not
from flows.features import features
from flows.harness import main

main(features)
"""


def write_rates(shell: Shell, rate: int) -> None:
    """Rules that give every town this rate, whatever was delivered."""
    (shell.project / "features.py").write_text(
        CODE.replace('rates[["town", "at", "rate"]]', f'rates[["town", "at"]].assign(rate={rate})')
    )


def publish_rates(shell: Shell, rate: int) -> None:
    """Bring this rate of every town into both stores, as every build does."""
    write_rates(shell, rate)
    shell.tm("features", "build")


@contextmanager
def readers_of_rates(shell: Shell) -> Iterator[tuple[list[set[object]], list[set[object]]]]:
    """The rates that one look at each store finds, offline in all rows, online of both towns, while the block lasts."""
    found: tuple[list[set[object]], list[set[object]]] = ([], [])
    workspace, ended = Workspace(shell.folder), threading.Event()

    def look() -> None:
        project, online = open_project(workspace, "homes"), open_online(workspace)
        with open_store(workspace) as store:
            while not ended.is_set():
                newest = feature_sets(store, 1)[0].views["rates_in_town"]
                rows = offline.read(folder_of(project) / str(newest["table"]), int(str(newest["version"])), ["rate"])
                found[0].append(set(rows["rate"].to_pylist()))
                _, towns = online.read("homes", "rates_in_town", ["bonn", "ulm"], micros(now()))
                ended.wait(0.05)  # the publisher is a thread of this process
                found[1].append({town.values[0] if town else None for town in towns})
        online.close()

    reading = threading.Thread(target=look)
    reading.start()
    try:
        yield found
    finally:
        ended.set()
        reading.join()


def test_13_a_data_change_request_makes_its_round_trip_in_the_audit_log(shell: Shell) -> None:
    ticket = shell.tm("data", "tickets", "open", "the town in upper case", "--source", "homes")["ticket"]
    shell.tm("data", "tickets", "take", ticket)
    shell.tm("data", "tickets", "resolve", ticket, "done in features.py")

    actions = [event["action"] for event in shell.tm("audit", "ls") if ticket in event["subject"]]

    assert len(actions) == 3


@pytest.mark.usefixtures("as_committed")
def test_14_seed_and_snapshot_decide_the_split_and_an_id_on_both_sides_is_refused(shell: Shell) -> None:
    create = ("features", "training-set", "create")
    seeded = '[split]\nkind = "random"\nseed = {seed}\n\n[learner]'.format
    given = TOML.partition("[split]")[0], TOML.partition("[learner]")[2]
    (shell.project / "project.toml").write_text(seeded(seed=7).join(given))
    one, same = shell.tm(*create, "one"), shell.tm(*create, "two")
    (shell.project / "project.toml").write_text(seeded(seed=8).join(given))
    other = shell.tm(*create, "three")
    verified = shell.tm("features", "training-set", "show", "one/1", "--verify")
    asked_again = (
        'asked = homes[["home", "town", "asked_at", "late"]]\n    again = asked["asked_at"] + pd.Timedelta(days=60)'
    )
    (shell.project / "features.py").write_text(
        CODE.replace(
            'return homes[["home", "town", "asked_at", "late"]]',
            asked_again + "\n    return pd.concat([asked, asked.assign(asked_at=again)], ignore_index=True)",
        )
    )
    (shell.project / "project.toml").write_text(TOML)
    shell.tm("features", "build")

    told = shell.tm(*create, "twice", ok=False)

    assert one["split_digest"] == same["split_digest"] != other["split_digest"]
    assert verified["verified"]
    assert "stands in the training and in the test rows" in told


def test_15_an_estimate_comes_before_and_the_run_says_device_commit_and_dirt(shell: Shell, trained: str) -> None:
    estimate = shell.tm("train", "estimate")
    run = shell.tm("runs", "show", trained)

    assert estimate["seconds"]
    assert run["commit"] == shell.git("rev-parse", "HEAD")
    assert run["dirty"] is False
    assert run["device"] == "cpu"


@pytest.mark.usefixtures("as_committed")
def test_16_a_killed_search_goes_on_after_its_last_finished_trial_and_a_nan_is_never_best(shell: Shell) -> None:
    (shell.project / "project.toml").write_text(TOML + SEARCH)
    command = [sys.executable, "-m", "app.main", "train", "search"]
    process = subprocess.Popen(
        command,
        cwd=shell.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while len(trials_of(shell)) < 4:
        assert process.poll() is None
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)  # the command and the run, which is a process of its own
    process.wait()
    key = shell.tm("experiments", "ls")[0]["key"]
    finished = [one for one in trials_of(shell) if one["state"] not in ("running", "lost")]

    shell.tm("train", "search", "--resume", key, "--trials", str(len(finished) + 3))
    resumed = shell.tm("experiments", "show", key)

    after = resumed["trials"]
    nan = [one for one in after if "NaN" in one["says"] or "non-finite" in one["says"]]
    assert after[: len(finished)] == finished
    assert len(after) > len(finished)
    assert nan
    assert all((one["state"], one["value"]) == ("failed", None) for one in nan)
    assert after[resumed["best"]]["state"] == "completed"


def trials_of(shell: Shell) -> list[Any]:
    """The trials of the newest search, if there is one."""
    found = shell.tm("experiments", "ls")
    return list(shell.tm("experiments", "show", found[0]["key"])["trials"]) if found else []


@pytest.mark.usefixtures("as_committed")
def test_17_a_model_of_uncommitted_code_is_not_promotable(shell: Shell, trained: str) -> None:
    (shell.project / "features.py").write_text(CODE + "\n# not committed\n")
    dirty = shell.tm("train", "run")
    name, _, version = dirty["model"].partition("/")

    told = shell.tm("models", "promote", name, version, "--reason", "try", "--confirm", name, ok=False)

    assert trained
    assert "commit" in told


def test_18_a_run_has_version_and_digest_of_its_features_which_cannot_be_removed(shell: Shell, trained: str) -> None:
    version = shell.tm("models", "show", "homes", "1")["features"]
    pinned = next(one for one in shell.tm("features", "ls") if one["version"] == version)
    run = shell.tm("runs", "show", trained)["parameters"]

    told = shell.tm("features", "prune", str(version), ok=False)

    assert (run["features"], run["features.digest"]) == (f"v{version}", pinned["digest"])
    assert "model version" in told


def test_20_twice_the_same_input_is_the_same_model(shell: Shell, trained: str) -> None:
    version = shell.tm("models", "show", "homes", "1")
    again = shell.tm("train", "run", "--features", str(version["features"]))
    number = again["model"].partition("/")[2]

    assert trained
    assert shell.tm("models", "show", "homes", number)["digest"] == version["digest"]


@pytest.mark.usefixtures("as_committed")
def test_19_21_without_a_terminal_bad_rows_are_rejected_before_the_fit_and_nothing_is_registered(
    shell: Shell, trained: str
) -> None:
    before = shell.tm("models", "ls", "homes")
    (shell.project / "features.py").write_text(CODE.replace('"late"]]', '"late"]].assign(late=1)'))
    shell.tm("features", "build")
    command = [sys.executable, "-m", "flows.train", "--project=homes", "--cause=person", "--json"]

    ran = subprocess.run(
        command,
        cwd=shell.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    run = shell.tm("runs", "ls", "flow = train")[0]
    shown = shell.tm("runs", "show", run["run"])

    assert trained
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert run["state"] == "failed"
    assert shown["verdict"].startswith("rejected: late: the target late is always '1'")
    assert [task["name"] for task in shown["tasks"]] == ["pull", "split"]
    assert shell.tm("models", "ls", "homes") == before


def test_23_an_export_gives_the_stored_predictions_elsewhere(shell: Shell, trained: str, tmp_path: Path) -> None:
    shell.tm("models", "export", "homes", "--version", "1", str(tmp_path / "out"))

    verified = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "out" / "verify.py")], capture_output=True, text=True, check=False
    )

    assert trained
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_22_an_exported_model_has_digest_size_format_and_signature(shell: Shell, trained: str, tmp_path: Path) -> None:
    made = shell.tm("models", "export", "homes", "--version", "1", str(tmp_path / "whole"))
    manifest = json.loads((tmp_path / "whole" / "manifest.json").read_text())
    version = shell.tm("models", "show", "homes", "1")

    assert trained
    assert made
    assert manifest["digest"] == version["digest"]
    assert version["size_bytes"] > 0
    assert manifest["format"]
    assert [feature["name"] for feature in manifest["signature"]["features"]]


def test_24_a_promotion_is_judged_served_for_real_and_undone(shell: Shell, trained: str) -> None:
    gates = {one["gate"]: one for one in shell.tm("models", "gates", "homes", "1")["gates"]}
    before = shell.tm("models", "ls", "homes")
    told = shell.tm("models", "rollback", "homes", "--reason", "why", "--confirm", "homes", ok=False)
    promoted = shell.tm("models", "promote", "homes", "1", "--reason", "first", "--confirm", "homes")
    run = next(one for one in shell.tm("runs", "ls") if one["flow"] == "deploy" and one["state"] == "completed")
    stages = {task["name"]: task["says"] for task in shell.tm("runs", "show", run["run"])["tasks"]}
    moved = shell.tm("models", "history", "homes", "--alias", "champion")

    assert trained
    assert {"finite", "baseline", "production", "schema", "commit", "package"} <= set(gates)
    assert gates["baseline"]["low"] is not None
    assert all(row["stage"] != "production" for row in before)
    assert "no other version" in told
    assert promoted["stage"] == "production"
    assert list(stages) == ["check", "canary", "smoke", "rollout", "switch"]
    assert "over HTTP" in stages["smoke"]
    assert [(row["before"], row["after"]) for row in moved] == [(None, 1)]
    assert shell.tm("models", "served-at", "homes", moved[0]["created_at"])["version"] == 1
    assert "nothing was in production" in shell.tm("models", "served-at", "homes", "2013-05-03 14:00", ok=False)
    assert shell.tm("audit", "verify")["ok"]


@pytest.fixture(scope="module")
def delivered(shell: Shell, trained: str) -> dict[str, Any]:
    """The green verdict on the commit."""
    assert trained
    (verdict,) = shell.tm("ci", "run", "--here")
    return dict(verdict)


def test_ci_a_bundle_is_named_by_its_bytes_and_a_broken_test_delivers_none(
    shell: Shell, delivered: dict[str, Any], as_committed: None
) -> None:
    (shell.project / "tests" / "test_features.py").write_text("def test_it() -> None:\n    assert 1 == 2\n")
    shell.git("commit", "--quiet", "-am", "broken")

    told = shell.tm("ci", "run", "--here", ok=False)
    red = shell.tm("ci", "ls")[0]
    with sqlite3.connect(shell.folder / ".trainmaster" / "store.db") as store:
        manifest = "SELECT content FROM chunk JOIN bundle ON bundle.manifest = chunk.artifact WHERE bundle.digest = ?"
        (content,) = store.execute(manifest, (delivered["bundle"],)).fetchone()
        files = json.loads(content)["files"]
        part = "SELECT content FROM chunk WHERE artifact = ? ORDER BY ordinal"
        found = {one["path"]: b"".join(row[0] for row in store.execute(part, (one["sha256"],))) for one in files}

    assert (delivered["verdict"], red["verdict"], red["stage"], red["bundle"]) == ("green", "red", "tests", None)
    assert "FAILED" in told
    assert hashlib.sha256(content).hexdigest() == delivered["bundle"]
    assert all(hashlib.sha256(found[one["path"]]).hexdigest() == one["sha256"] for one in files)


def test_d0_an_automated_run_is_what_ci_delivered_whatever_the_working_tree_says(
    shell: Shell, delivered: dict[str, Any], as_committed: None
) -> None:
    shell.flow("features", cause="schedule")  # after other rules: the delivered ones are the newest again
    before = shell.flow("features", cause="schedule")
    (shell.project / "features.py").write_text("raise RuntimeError('the working tree')\n")

    after = shell.flow("features", cause="schedule")
    run = shell.tm("runs", "ls")[0]

    assert after == before
    assert (run["flow"], run["state"], run["cause"]) == ("features", "completed", "schedule")
    assert shell.tm("runs", "show", run["run"])["commit"] == delivered["commit"]


def test_25_online_and_batch_agree_for_the_same_ids_and_rows_out_are_rows_in(
    shell: Shell, trained: str, tmp_path: Path
) -> None:
    if shell.tm("models", "show", "homes", "1")["stage"] != "production":
        shell.flow("deploy", cause="person", version=1, by="ana", reason="step 25")
    shell.tm("features", "materialize")
    batch = shell.tm("predict", "batch", "--out", str(tmp_path / "all.csv"))
    with (tmp_path / "all.csv").open() as stream:
        rows = {row["home"]: row for row in csv.DictReader(stream)}

    with shell.gateway():
        answers = {home: shell.tm("predict", "entity", f"home={home}") for home in ("h200", "h250", "h299")}
        unknown = shell.tm("predict", "entity", "home=nobody", ok=False)

    assert trained
    spine = next(row for row in shell.tm("features", "ls") if row["version"] == batch_version(shell))
    assert batch["rows"] == len(rows) == spine["rows"]
    assert {home: told["predictions"][0] for home, told in answers.items()} == {
        home: float(rows[home]["score"]) for home in answers
    }
    assert all(told["version"] == 1 and told["request_id"] and told["features"]["version"] for told in answers.values())
    assert "nothing is known of this entity" in unknown


def batch_version(shell: Shell) -> int:
    """The version of the features of the newest batch."""
    return int(shell.tm("predict", "batches")[0]["features_version"])


@pytest.mark.usefixtures("as_committed")
@pytest.mark.usefixtures("as_committed")
def test_26_27_28_a_drift_is_an_alert_with_three_items_and_a_decision_within_one_window(
    shell: Shell, trained: str
) -> None:
    if shell.tm("models", "show", "homes", "1")["stage"] != "production":
        shell.flow("deploy", cause="person", version=1, by="ana", reason="step 26")
    (shell.project / "project.toml").write_text(TOML + '[feedback]\nretrain_on = ["psi.size"]\n')
    lines = homes(400, 250).splitlines()
    tenfold = [",".join([*row.split(",")[:3], f"{row.split(',')[3]}0", row.split(",")[4]]) for row in lines[1:]]
    shell.deliver("homes", "drifted.csv", "\n".join([lines[0], *tenfold]) + "\n")

    found = shell.flow("arrival", cause="person")["monitor"]
    alert = next(one for one in shell.tm("alerts", "ls") if one["signal"] == "psi.size")
    items = shell.tm("feedback", "ls", "--alert", alert["alert"])
    decisions = shell.tm("feedback", "decisions")

    assert trained
    assert "psi.size" in found["breached"]
    assert {one["receiver"] for one in items} == {"experiment", "data_engineering", "scheduler"}
    (yes,) = [one for one in decisions if one["retrain"]]
    assert (yes["trigger"], yes["alert"]) == ("alert", alert["alert"])
    assert all(one["reason"] for one in decisions)


def test_c7_a_completed_run_has_no_gap_and_the_model_reaches_snapshot_and_commit(shell: Shell, trained: str) -> None:
    checked = shell.tm("store", "fsck")
    nodes = {node["kind"] for node in shell.tm("lineage", "model:homes/1")["nodes"]}

    assert trained
    assert checked["ok"], checked["problems"]
    assert {"snapshot", "commit", "features", "run"} <= nodes


def test_p3_a_run_is_reproduced_exactly(shell: Shell, trained: str) -> None:
    verdict = shell.tm("runs", "reproduce", trained)

    assert verdict["verdict"] == "identical", verdict
