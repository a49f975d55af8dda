"""Fixtures that every floor's tests share: an empty workspace and its store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from app.domain.workspace import Workspace
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # a project's own tests, run by ours, need none: 3 s each time
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")  # the machine is shared: how long an example takes says nothing about the code


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store file with the newest schema, made once."""
    workspace = make_workspace(tmp_path_factory.mktemp("template") / "workspace")
    with open_store(workspace):
        pass
    return workspace.store_file


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def store(workspace: Workspace, migrated: Path) -> Iterator[Store]:
    """The migrated store of the empty workspace."""
    shutil.copy(migrated, workspace.store_file)
    workspace.store_file.chmod(0o600)
    with open_store(workspace) as opened:
        yield opened
