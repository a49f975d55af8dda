"""Runs: asking for them, following them, ending them, and keeping Prefect in step with the ledger."""

from app.services.runs.comparing import CodeChange, change_of, code_changes
from app.services.runs.ending import cancel, child_ended, stop_all
from app.services.runs.following import row_of, wait_for
from app.services.runs.here import run_here
from app.services.runs.noting import Noted, archive, note, pin_baseline, tag
from app.services.runs.pairing import Paired, paired, with_paired
from app.services.runs.reconciling import reconcile
from app.services.runs.requests import request, submit_waiting, waiting

__all__ = [
    "CodeChange",
    "Noted",
    "Paired",
    "archive",
    "cancel",
    "change_of",
    "child_ended",
    "code_changes",
    "note",
    "paired",
    "pin_baseline",
    "reconcile",
    "request",
    "row_of",
    "run_here",
    "stop_all",
    "submit_waiting",
    "tag",
    "wait_for",
    "waiting",
    "with_paired",
]
