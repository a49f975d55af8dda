"""Fixtures that every floor's tests share: an empty workspace and its store."""

import gc
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from app.domain.workspace import Workspace
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store

if TYPE_CHECKING:
    from tests.live import Live
    from tests.postgres import Postgres

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a project's own tests, run by ours, need none: 3 s each time
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("many", settings.get_profile("shared"), max_examples=2000)  # `make faults` asks for it
settings.load_profile("shared")  # the machine is shared: how long an example takes says nothing about the code


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector of garbage need not look at a million objects again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store file with the newest schema, made once."""
    workspace = make_workspace(tmp_path_factory.mktemp("template") / "workspace")
    with open_store(workspace):
        pass
    return workspace.store_file


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds, and nothing of the checkout."""
    made, folder = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made)]
    subprocess.run([*command, str(Path(__file__).parents[1])], check=True, capture_output=True)
    with zipfile.ZipFile(next(made.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Live]":
    """A workspace whose services are up."""
    from tests.live import services_up

    with services_up(tmp_path_factory.mktemp("live")) as found:
        yield found


@pytest.fixture(scope="session")
def postgres_server() -> "Iterator[Postgres]":
    """A PostgreSQL server on which each test takes a database of its own; skips where none is installed."""
    from tests.postgres import postgres

    with postgres() as found:
        yield found


@pytest.fixture
def workspace(tmp_path: Path, migrated: Path) -> Workspace:
    """An empty workspace, whose store is made already: making one takes half a second."""
    made = make_workspace(tmp_path / "workspace")
    copied(migrated, made.store_file)
    return made


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    """The migrated store of the empty workspace."""
    with open_store(workspace) as opened:
        yield opened


@pytest.fixture
def second_store(tmp_path: Path, migrated: Path) -> Iterator[Store]:
    """A store that belongs to nobody, empty."""
    opened = Store.of_file(copied(migrated, tmp_path / "second.db"))
    yield opened
    opened.close()


def copied(migrated: Path, file: Path) -> Path:
    """A copy of the empty store for its owner alone."""
    shutil.copy(migrated, file)
    file.chmod(0o600)
    return file
