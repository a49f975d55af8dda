"""Workspaces with three months and a version in production, and a bad one after; made once, copied for each test."""

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


@pytest.fixture(scope="session")
def made_april(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace after the bad month, that the tests copy."""
    root = tmp_path_factory.mktemp("april") / "workspace"
    shutil.copytree(monthly.kept_quarter(tmp_path_factory.getbasetemp()), root)
    monthly.arrive(Workspace(root), monthly.BAD_APRIL)
    return root


@pytest.fixture
def april(made_april: Path, tmp_path: Path) -> Workspace:
    """The quarter, and an April in which `x` tells nearly nothing: its alert is open, a retrain is decided."""
    shutil.copytree(made_april, tmp_path / "workspace")
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def april_store(april: Workspace) -> Iterator[Store]:
    """Its store."""
    with open_store(april) as opened:
        yield opened
