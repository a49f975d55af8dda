"""A window as it is watched: its rows, what was answered, and the labels that are known."""

from dataclasses import dataclass

import pandas as pd

from app.monitoring.quality import Numbers


@dataclass(frozen=True)
class Observed:
    """A window with the answers that were given: scores for every row, labels (NaN where unknown).

    For multiclass, labels and scores are class numbers, `confidence` is the probability of the answer, and
    `probabilities` is rows x classes; otherwise `confidence` is the score. `label_lag_hours` is how long each label
    took (NaN where it is not there or has no time); `keys` are the columns that tell rows apart.
    """

    frame: pd.DataFrame
    scores: Numbers
    labels: Numbers
    confidence: Numbers | None = None
    probabilities: Numbers | None = None
    label_lag_hours: Numbers | None = None
    keys: tuple[str, ...] = ()


__all__ = ["Observed"]
