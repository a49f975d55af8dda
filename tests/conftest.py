"""Fixtures that every floor's tests share: an empty workspace and its store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return make_workspace(tmp_path / "workspace")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    """The migrated store of the empty workspace."""
    with open_store(workspace) as opened:
        yield opened
