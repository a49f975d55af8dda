"""Rows of the offline store, and the answers of a model beside their keys."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.domain.problem import Task
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from app.domain.project import ProjectFile
    from app.learning.loader import LoadedModel
    from app.learning.signature import Signature


def offline_frame(
    store: Store, project: OpenProject, feature_set_id: int, window: tuple[datetime | None, datetime | None]
) -> pd.DataFrame:
    """The point-in-time joined rows of a window, from (included) to (excluded), labelled or not."""
    from app.services.features import training_frame

    wanted = None if window == (None, None) else window
    frame = training_frame(store, project, feature_set_id, window=wanted, labelled_only=False).frame
    event_time = project.file.problem.event_time
    if event_time is not None and event_time in frame:
        times = frame[event_time]
        if window[0] is not None:
            frame = frame[times >= window[0]]
        if window[1] is not None:
            frame = frame[times < window[1]]
    return frame


def answers(frame: pd.DataFrame, model: LoadedModel, project: ProjectFile) -> pd.DataFrame:
    """One row for each row of the frame: entity keys, event time, prediction and score (the number that is watched)."""
    import pandas as pd

    problem = project.problem
    keys = [name for name in (*problem.entity, *([problem.event_time] if problem.event_time else [])) if name in frame]
    predicted = model.predict_frame(frame)
    table: dict[str, Any] = {name: frame[name].to_numpy() for name in keys}
    labels, scores = decide(predicted, model.signature)
    table["prediction"], table["score"] = labels, scores
    if model.signature.task is Task.MULTICLASS:
        for place, name in enumerate(model.signature.classes):
            table[f"probability_{name}"] = predicted[:, place]
    made = pd.DataFrame(table, index=frame.index)
    for name in keys:
        made[name] = frame[name]
    return made.reset_index(drop=True)


def decide(predicted: np.ndarray[Any, Any], signature: Signature) -> tuple[list[str] | list[float], Any]:
    """The predicted class or number of each row, and the score: probability of the positive or of the chosen class."""
    match signature.task:
        case Task.BINARY:
            return [signature.classes[int(score >= 0.5)] for score in predicted], predicted
        case Task.MULTICLASS:
            return [signature.classes[place] for place in predicted.argmax(axis=1)], predicted.max(axis=1)
        case Task.REGRESSION:
            return predicted.tolist(), predicted


def to_parquet(table: pd.DataFrame) -> bytes:
    """A frame as Parquet (zstd)."""
    out = io.BytesIO()
    table.to_parquet(out, engine="pyarrow", compression="zstd", index=False)
    return out.getvalue()


def event_window(frame: pd.DataFrame, event_time: str | None) -> tuple[datetime | None, datetime | None]:
    """From the first event time (included) to just after the last; open when there is no event time."""
    if event_time is None or event_time not in frame:
        return None, None
    times = frame[event_time].dropna()
    if len(times) == 0:
        return None, None
    return times.min().to_pydatetime(), times.max().to_pydatetime() + timedelta(microseconds=1)


__all__ = ["answers", "decide", "event_window", "offline_frame", "to_parquet"]
