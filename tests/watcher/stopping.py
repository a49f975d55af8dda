"""Stopping a process as SIGSTOP does, at a moment that harms nobody else."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from app.domain.workspace import Workspace


def stop_between_writes(pid: int, workspace: Workspace) -> None:
    """Stop a process while it does not hold the store: nobody could write an alarm then."""
    for _ in range(20):
        os.kill(pid, signal.SIGSTOP)
        while not _stands_still(pid):
            time.sleep(0.01)
        with closing(sqlite3.connect(workspace.store_file, timeout=0.2, isolation_level=None)) as probe:
            try:
                probe.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.3)
            else:
                probe.execute("ROLLBACK")
                return
    raise AssertionError("it always holds the store")


def _stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped: one may still be within a call of the kernel."""
    states = [file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state == "T" for state in states)
