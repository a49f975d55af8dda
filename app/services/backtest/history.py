"""Stored history month by month, and the part of it that was known at a moment: nobody can ask for more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from app.domain.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

    from app.domain.project import Problem

Floats = np.ndarray[Any, np.dtype[np.float64]]
Places = np.ndarray[Any, np.dtype[np.int64]]
FEWEST_ROWS = 200


@dataclass(frozen=True, order=True)
class Lesson:
    """What a model learned from: rows that happened, and whose label was known, before month `until` began.

    Months count from 0, the first of the history; `months` is how far back it looks (None: to the beginning).
    """

    until: int
    months: int | None = None


class LookAhead(AssertionError):
    """Somebody asked at a moment for what was not known then: a defect of the back-test, never of the data."""


class History:
    """Rows in months of UTC, with the moment at which each label became known (the event itself where nobody says)."""

    def __init__(self, frame: pd.DataFrame, truth: Floats, problem: Problem) -> None:
        import pandas as pd

        assert problem.event_time is not None
        self.frame, self.truth = frame, truth
        self.times = pd.to_datetime(frame[problem.event_time], utc=True)
        label = problem.label_time
        self.known_at = pd.to_datetime(frame[label], utc=True) if label and label in frame.columns else self.times
        self.months = _months(self.times)
        self._month = (
            np.searchsorted(
                pd.DatetimeIndex(self.months).as_unit("ns").asi8,
                pd.DatetimeIndex(self.times).as_unit("ns").asi8,
                side="right",
            )
            - 1
        )
        known = pd.DatetimeIndex(self.known_at.fillna(pd.Timestamp.max.tz_localize("UTC"))).as_unit("ns").asi8
        self._known_month = np.searchsorted(pd.DatetimeIndex(self.months).as_unit("ns").asi8, known, side="right") - 1

    def __len__(self) -> int:
        return len(self.months)

    def name(self, month: int) -> str:
        """Such as 2013-04."""
        return f"{self.months[month]:%Y-%m}"

    def begin(self, month: int) -> datetime:
        """When a month begins (UTC); the month after the last one begins when the last one ends."""
        import pandas as pd

        if month < len(self.months):
            return self.months[month]
        last: datetime = (
            pd.Timestamp(self.months[-1]) + pd.DateOffset(months=month - len(self.months) + 1)
        ).to_pydatetime()
        return last

    def rows_of(self, month: int) -> Places:
        """The places of a month's rows."""
        return np.flatnonzero(self._month == month)

    def lesson_rows(self, lesson: Lesson) -> Places:
        """The places that a lesson holds: what had happened and was labelled when month `until` began."""
        taught = (self._month < lesson.until) & (self._known_month < lesson.until)
        if lesson.months is not None:
            taught &= self._month >= lesson.until - lesson.months
        return np.flatnonzero(taught)

    def known_rows(self, month: int) -> Places:
        """The rows of a month whose label had landed when the month was over."""
        return np.flatnonzero((self._month == month) & (self._known_month <= month))

    def days_of(self, places: Places) -> pd.Series[Any]:
        """The event times of some rows."""
        return self.times.iloc[places]


Scores = Callable[[Lesson, int], Floats]
"""The scores that the model of a lesson gives to all rows of a month, in the order of `History.rows_of`."""


class Known:
    """What is known when month `month` is over: its rows with landed labels, and models that learned before.

    Raises LookAhead for a later month, for a label that had not landed, and for an exam on rows that a model learned.
    """

    def __init__(self, history: History, scores: Scores, month: int) -> None:
        self._history, self._scores, self.month = history, scores, month

    @property
    def now(self) -> datetime:
        """The moment: the first of the next month, UTC."""
        return self._history.begin(self.month + 1)

    def rows(self, lesson: Lesson) -> int:
        """How many rows a lesson holds."""
        self._require(lesson.until - 1)
        return len(self._history.lesson_rows(lesson))

    def exam(self, *lessons: Lesson, month: int | None = None) -> tuple[Floats, tuple[Floats, ...], Places]:
        """Labels of a month (the newest one) and the scores of models that learned before it, with the rows' places."""
        at = self.month if month is None else month
        self._require(at)
        for lesson in lessons:
            if lesson.until > at:
                raise LookAhead(f"the model of {lesson} has learned from {self._history.name(at)}")
        places = self._history.known_rows(at)
        if len(places) < FEWEST_ROWS:
            raise BadInput(
                f"{self._history.name(at)} has {len(places)} labelled rows, a back-test needs {FEWEST_ROWS} a month",
                next_step="trainmaster data ls",
            )
        inside = np.isin(self._history.rows_of(at), places)
        return self._history.truth[places], tuple(self._scores(one, at)[inside] for one in lessons), places

    def share_before(self) -> float:
        """The share of positive labels that had landed before the newest month: what a naive forecast would say."""
        taught = self._history.lesson_rows(Lesson(self.month))
        return float(np.mean(self._history.truth[taught]))

    def times_of(self, places: Places) -> pd.Series[Any]:
        """The event times of rows that are known."""
        return self._history.days_of(places)

    def _require(self, month: int) -> None:
        if month > self.month:
            raise LookAhead(f"{self._history.name(month)} is not over when {self._history.name(self.month)} ends")


def _months(times: pd.Series[Any]) -> list[datetime]:
    import pandas as pd

    first = times.min().replace(day=1, hour=0, minute=0, second=0, microsecond=0, nanosecond=0)
    found = pd.date_range(first, times.max(), freq="MS")
    return [moment.to_pydatetime() for moment in found]


__all__ = ["History", "Known", "Lesson", "LookAhead", "Scores"]
