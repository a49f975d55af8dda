"""Runs: asking for them, following them, ending them, and keeping Prefect in step with the ledger."""

from app.services.runs.ending import cancel, child_ended, stop_all
from app.services.runs.following import row_of, wait_for
from app.services.runs.here import run_here
from app.services.runs.reconciling import reconcile
from app.services.runs.requests import request, submit_waiting, waiting

__all__ = [
    "cancel",
    "child_ended",
    "reconcile",
    "request",
    "row_of",
    "run_here",
    "stop_all",
    "submit_waiting",
    "wait_for",
    "waiting",
]
