"""A version as a folder: it proves itself in an interpreter without us, and it is there whole or not at all."""

import errno
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.errors import Damaged, Refused, Unavailable
from app.domain.workspace import Workspace
from app.learning import card_text
from app.services.registry import exporting, read_package
from app.services.registry.carding import card_of_version
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store
from tests.learning.made import PROJECT, make_frame, make_project, train_on

FORK = multiprocessing.get_context("fork")
ALONE = """
import sys
class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("app", "flows", "tests"):
            raise ImportError(f"{name} is trainmaster")
sys.meta_path.insert(0, Nobody())
sys.path.append(sys.argv[1])
import runpy
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with one version whose project has words of a person in its card."""
    workspace = make_workspace(tmp_path_factory.mktemp("export") / "workspace")
    text = PROJECT + '[card]\nlicense = "CC0 <script>alert(1)</script>"\nprimary_uses = "planning | crews"\n'
    with open_store(workspace) as store:
        train_on(store, make_project(workspace, text), make_frame(2400))
    return workspace


@pytest.fixture
def trained(made: Workspace) -> Iterator[Store]:
    """Its store."""
    with open_store(made) as store:
        yield store


def alone(folder: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the folder's script in an interpreter that sees site-packages and nothing of ours."""
    libraries = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-I", "-S", "-W", "ignore", "-c", ALONE, libraries, str(folder / "verify.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd="/", env={}, check=False)


def test_an_exported_folder_reproduces_the_stored_predictions_without_us(trained: Store, tmp_path: Path) -> None:
    done = exporting.export(trained, "late", 1, tmp_path / "out", by="ana", onnx=True)

    _, package = read_package(trained, "late", 1)
    proof = alone(done.path)
    records = json.dumps(list(package.canary["inputs"])[:3])
    predicted = alone(done.path, "--predict", stdin=records)
    assert json.loads(proof.stdout)["ok"], proof.stderr
    assert "reproduced exactly" in done.proof
    assert json.loads(predicted.stdout) == package.canary["predictions"][:3]
    assert {path.name for path in done.path.iterdir()} == {
        "README.md", "manifest.json", "canary.json", "model.txt", "verify.py", "requirements.txt", "card.md",
        "card.html", "model.onnx", "onnx.json",
    }  # fmt: skip
    assert "lightgbm==" in (done.path / "requirements.txt").read_text()
    assert list(tmp_path.glob(".out*")) == []


@pytest.mark.parametrize("name", ["model.txt", "canary.json"])
def test_a_damaged_folder_says_so_before_anything_is_loaded(trained: Store, tmp_path: Path, name: str) -> None:
    folder = exporting.export(trained, "late", 1, tmp_path / "out", by="ana").path
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)

    proof = alone(folder)

    assert proof.returncode != 0
    assert "digest" in proof.stderr


def test_a_folder_that_is_there_is_not_touched(trained: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")

    with pytest.raises(Refused, match="there already"):
        exporting.export(trained, "late", 1, tmp_path / "out", by="ana")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


@pytest.mark.parametrize("call", [1, 4, 9])
def test_a_full_disk_leaves_nothing(trained: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    calls = 0
    real = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Unavailable, match="No space left"):
        exporting.export(trained, "late", 1, tmp_path / "out", by="ana")

    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == []


def exported(target: Path) -> None:
    """Write a folder of five files as an export does."""
    exporting.remove_left_over(target)
    folder = target.parent / f".{target.name}.{os.getpid()}-00{exporting.PARTIAL}"
    exporting.write_folder(folder, {f"f{at}": b"x" * 100 for at in range(5)})
    folder.rename(target)


def doomed(target: Path, call: int) -> None:
    """The same, in a process that dies when it syncs for the nth time."""
    calls = itertools.count(1)
    vars(os)["fsync"] = lambda _handle: os.kill(os.getpid(), signal.SIGKILL) if next(calls) == call else None
    exported(target)


@pytest.mark.parametrize("call", [1, 3, 6])
def test_a_killed_export_is_absent_and_its_rest_is_swept(tmp_path: Path, call: int) -> None:
    target = tmp_path / "out"

    killed = FORK.Process(target=doomed, args=(target, call))
    killed.start()
    killed.join(30)

    assert killed.exitcode == -signal.SIGKILL
    assert not target.exists()
    assert len(list(tmp_path.glob(".out*"))) == 1
    exported(target)
    assert len(list(target.iterdir())) == 5
    assert list(tmp_path.glob(".out*")) == []


def test_a_card_escapes_what_people_wrote_and_names_what_nobody_filled(trained: Store) -> None:
    card = card_of_version(trained.reader, "late", 1)

    page, text = card_text.html(card), card_text.markdown(card, plots=False)

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert "planning \\| crews" in text
    assert "ethical_considerations" in card.missing
    assert "license" not in card.missing
    assert "nobody has filled this; edit \\[card\\] ethical\\_considerations" in text
    for title in ("Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
                  "Quantitative analyses", "Ethical considerations", "Caveats and recommendations"):  # fmt: skip
        assert f"## {title}" in text
    assert page.count("<svg") == 4
    assert "nan" not in page.replace("nanos", "").casefold().split()


def test_a_card_is_made_in_a_moment(trained: Store) -> None:
    begun = time.perf_counter()

    card_text.html(card_of_version(trained.reader, "late", 1))

    assert time.perf_counter() - begun < 2


def test_a_package_that_was_changed_is_not_exported(trained: Store, tmp_path: Path) -> None:
    from sqlalchemy import text

    with trained.write() as session:
        session.execute(text("UPDATE chunk SET content = zeroblob(length(content)) WHERE artifact IN "
                             "(SELECT model_bytes FROM model_version)"))  # fmt: skip

    with pytest.raises(Damaged):
        exporting.export(trained, "late", 1, tmp_path / "out", by="ana")

    assert not (tmp_path / "out").exists()
