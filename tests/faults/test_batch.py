"""A batch killed in the middle: what was done is kept, the store is clean, and the next run makes the same bytes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services import upkeep
from app.services.workspaces import open_store
from app.store.queries.serving import prediction_batches
from tests import monthly

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
PATIENCE_S = 120.0


def batch(workspace: Workspace) -> "subprocess.Popen[bytes]":
    """A batch over everything in pieces of a few rows, as a process of its own."""
    words = ["--project", monthly.PROJECT, "--workspace", str(workspace.root), "--quiet"]
    parameters = ["--set", "from=2013-01-01T00:00:00Z", "--set", "piece_rows=20"]
    command = [sys.executable, "-m", "flows.predict", *words, *parameters]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def test_a_batch_killed_at_any_piece_is_gone_on_with(tmp_path: Path) -> None:
    workspace = monthly.first_quarter(tmp_path / "workspace")
    with open_store(workspace) as store:
        whole = batch(workspace)
        assert whole.wait(PATIENCE_S) == 0
        expected = prediction_batches(store.reader)[0]
        kept = 0
        for pieces in (1, 20, 60):
            child = batch(workspace)
            until = time.monotonic() + PATIENCE_S
            while len(store.reader.rows("SELECT id FROM prediction_part")) < max(pieces, kept):
                assert child.poll() is None
                assert time.monotonic() < until
                time.sleep(0.01)
            child.kill()
            child.wait(10)
            upkeep.heal(store)
            kept = len(store.reader.rows("SELECT id FROM prediction_part"))
            assert kept >= pieces
            assert upkeep.fsck(store, workspace.features).problems == ()
        last = batch(workspace)
        assert last.wait(PATIENCE_S) == 0

        newest = prediction_batches(store.reader)[0]
        assert newest.key != expected.key
        assert (newest.artifact, newest.rows) == (expected.artifact, expected.rows)
        assert store.reader.rows("SELECT id FROM prediction_part") == []
