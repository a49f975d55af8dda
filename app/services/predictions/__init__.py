"""Predictions: loading a registered version, and predicting a window of the offline store in one batch."""

from app.services.predictions.answering import answers, decide, event_window, offline_frame
from app.services.predictions.batch import last_batch, predict
from app.services.predictions.versions import (
    Production,
    as_production,
    load_version,
    newest_features,
    production_of,
)

__all__ = [
    "Production",
    "answers",
    "as_production",
    "decide",
    "event_window",
    "last_batch",
    "load_version",
    "newest_features",
    "offline_frame",
    "predict",
    "production_of",
]
