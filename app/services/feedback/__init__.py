"""Feedback: what follows from an alert, and who answers it."""

from app.services.feedback.deciding import decide_about, retrain_state

__all__ = ["decide_about", "retrain_state"]
