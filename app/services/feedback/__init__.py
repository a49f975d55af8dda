"""Feedback: what follows from an alert, who answers it, and what became of each retrain."""

from app.services.feedback.asking import Asked, Reset, ask_by_schedule, ask_retrain, reset_loop
from app.services.feedback.items import ItemMoved, acknowledge_item, cite, resolve_item
from app.services.feedback.settling import Settled, settle

__all__ = [
    "Asked",
    "ItemMoved",
    "Reset",
    "Settled",
    "acknowledge_item",
    "ask_by_schedule",
    "ask_retrain",
    "cite",
    "reset_loop",
    "resolve_item",
    "settle",
]
