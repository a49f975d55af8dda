"""A workspace with three months and a version in production, made once and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services.workspaces import open_store
from app.store.engine import Store
from tests import monthly


@pytest.fixture
def quarter(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Workspace:
    """January to March, a version in production, one batch of predictions."""
    shutil.copytree(monthly.kept_quarter(tmp_path_factory.getbasetemp()), tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def quarter_store(quarter: Workspace) -> Iterator[Store]:
    """Its store."""
    with open_store(quarter) as opened:
        yield opened
