"""A monitor report of a million rows x 23 columns against a stored profile, beside one sort (or count) a column."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from app.domain.problem import Task
from app.domain.project import Monitoring
from app.monitoring.reference import Bins, CategoryBins, NumberBins, Profile
from app.monitoring.report import Observed, report
from benchmarks import Result, at_most

ROWS, NUMBERS, CATEGORIES, VALUES = 1_000_000, 20, 3, 16
REPEATS = 3


def run() -> list[Result]:
    """Our report, and the floor: a sort of each number and a count of each category."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame({f"n{at}": random.normal(size=ROWS) for at in range(NUMBERS)})
    words = [f"v{value}" for value in range(VALUES)]
    for at in range(CATEGORIES):
        frame[f"c{at}"] = pd.Categorical.from_codes(random.integers(0, VALUES, ROWS), words)  # type: ignore[call-overload]
    observed = Observed(frame, random.random(ROWS), (random.random(ROWS) < 0.2).astype(float))
    profile = _profile(words)

    def floor() -> None:
        for at in range(NUMBERS):
            np.sort(frame[f"n{at}"].to_numpy())
        for at in range(CATEGORIES):
            frame[f"c{at}"].value_counts()

    floor_s = _best(floor)
    ours_s = _best(lambda: report(Task.BINARY, profile, observed, Monitoring()))
    return [
        Result("floor: one sort or count a column", floor_s, "s"),
        Result("report: drift, score, realised quality", ours_s, "s"),
        at_most("report / floor", ours_s / floor_s, "x", 2),
    ]


def _profile(words: list[str]) -> Profile:
    edges = tuple(float(edge) for edge in np.linspace(-1.3, 1.3, 9))
    features: dict[str, Bins] = {f"n{at}": NumberBins(edges, (0.1,) * 10) for at in range(NUMBERS)}
    for at in range(CATEGORIES):
        features[f"c{at}"] = CategoryBins(tuple(words), (1 / VALUES,) * VALUES)
    return Profile(features, NumberBins((0.25, 0.5, 0.75), (0.25,) * 4), 80_000, 27_000, (None, None), {})


def _best(work: Callable[[], object]) -> float:
    """The fastest of a few: the machine may be shared."""
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
