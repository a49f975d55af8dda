"""What several tests of services begin with."""

from pathlib import Path

import pytest

from app.services import registry
from app.services.workspaces import make_workspace, open_store
from tests.learning.made import make_frame, make_project, train_on


@pytest.fixture(scope="session")
def two_versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace with versions 1 and 2 of `late`, the first in production; to be copied."""
    workspace = make_workspace(tmp_path_factory.mktemp("two-versions") / "workspace")
    with open_store(workspace) as store:
        project = make_project(workspace)
        for rounds in (3, 4):
            train_on(store, project, make_frame(500), parameters={"rounds": rounds})
        registry.promote_here(store, project, "late", 1, by="ben", reason="first", typed_name="late")
    return workspace.root
