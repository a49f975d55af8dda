"""What a fit will need, from a few small fits or from earlier runs; pure arithmetic, with intervals that learn.

Seconds of a fit are `c x rows + rounds x (a + b x rows)`: binning once, then round after round. Small fits of two sizes
and two lengths give all three numbers, in seconds of the processor, which others on the machine do not disturb. Earlier
runs scale by rows x features x rounds / threads. The interval's width is what earlier estimates were off by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

CHILD_RSS = 120 << 20
"""A child that fits, before it sees a row: interpreter, numpy, pyarrow, LightGBM."""
BASE_RSS = (220 << 20) + CHILD_RSS
"""A training process and its child before they read a row; pandas, too, is in the first."""
OTHER_S, OTHER_S_PER_ROW = 1.5, 1.5e-5
"""What a run does beside the fit where none has been seen: seconds, and seconds a row."""
BASE_GPU = 600 << 20
NORMAL_90 = 1.645
WIDTH = {"small fits": 0.8, "past runs": 0.25}
"""Half the width of a 90 % interval, in logarithms, before anything is known about the errors."""


@dataclass(frozen=True)
class Shape:
    """How large a fit is; `columns` are all columns of the training frame, features and others."""

    rows: int
    features: int
    rounds: int
    threads: int

    @property
    def work(self) -> float:
        """What time grows with: cells of a round that each thread looks at, and a constant for each round."""
        return self.rounds * (self.rows * (self.features + 4) / self.threads + 3000.0)


@dataclass(frozen=True)
class SmallFit:
    """A fit of a few rows: what it was and how long it took."""

    shape: Shape
    seconds: float


@dataclass(frozen=True)
class PastRun:
    """A finished run: its shape, all of its seconds, the share of its fit, and its peak of memory."""

    shape: Shape
    seconds: float
    fit_seconds: float
    rss_bytes: int


@dataclass(frozen=True)
class Interval:
    """A value with the 90 % interval around it."""

    value: float
    low: float
    high: float


def around(value: float, width: float) -> Interval:
    """A value with an interval of `width` in logarithms to both sides.

    >>> found = around(10.0, math.log(2))
    >>> (round(found.low, 6), found.value, round(found.high, 6))
    (5.0, 10.0, 20.0)
    """
    return Interval(value, value * math.exp(-width), value * math.exp(width))


def width_of(errors: Sequence[float], basis: str) -> float:
    """Half the width that covers 90 %, from log(actual / predicted) of earlier estimates of the same kind.

    Few errors are mixed with the width that is assumed at first (as if three had shown it).

    >>> width_of([], "past runs")
    0.25
    >>> width_of([0.01] * 60, "past runs") < 0.08
    True
    """
    assumed = WIDTH[basis] / NORMAL_90
    squares = 3 * assumed**2 + sum(error**2 for error in errors)
    return max(0.05, NORMAL_90 * math.sqrt(squares / (3 + len(errors))))


def by_small_fits(fits: Sequence[SmallFit], wanted: Shape, other_s: float, slowdown: float = 1.0) -> float:
    """Seconds of a run whose fit grows as four small fits say: two sizes, each with few and with more rounds.

    `other_s` are the seconds beside the fit, `slowdown` how much longer a fit takes now than a processor needs for it.

    >>> def seconds(rows, rounds): return 1e-6 * rows + rounds * (0.01 + 1e-5 * rows)
    >>> fits = [SmallFit(Shape(n, 10, r, 1), seconds(n, r)) for n in (1000, 3000) for r in (5, 20)]
    >>> round(by_small_fits(fits, Shape(11000, 10, 100, 1), 0.0), 6) == round(seconds(11000, 100), 6)
    True
    """
    rows = sorted({fit.shape.rows for fit in fits})
    few, many = rows[0], rows[-1]
    once, a_round = {}, {}
    for count in (few, many):
        short, long = sorted((fit for fit in fits if fit.shape.rows == count), key=lambda fit: fit.shape.rounds)
        more = long.shape.rounds - short.shape.rounds
        a_round[count] = max((long.seconds - short.seconds) / more, 0.05 * long.seconds / long.shape.rounds)
        once[count] = max(0.0, short.seconds - short.shape.rounds * a_round[count])
    slope = max((a_round[many] - a_round[few]) / (many - few), 0.02 * a_round[many] / many)
    start = max(0.0, a_round[many] - slope * many)
    binning = max(0.0, (once[many] - once[few]) / (many - few))
    grows = (binning + wanted.rounds * slope) * wanted.rows * fits[0].shape.threads / wanted.threads
    return other_s + slowdown * (grows + wanted.rounds * start)


def beside_the_fit(rows: int, runs: Sequence[PastRun] = ()) -> float:
    """Seconds of a run that are none of its fit: the median of what earlier runs on this machine took, by their rows.

    >>> beside_the_fit(1000, [PastRun(Shape(1000, 10, 100, 2), 5.0, 4.0, 1 << 30)])
    1.0
    """
    if not runs:
        return OTHER_S + OTHER_S_PER_ROW * rows
    seen = [(run.seconds - run.fit_seconds) * _grown(rows, run) for run in runs]
    return max(0.0, median(seen))


def _grown(rows: int, run: PastRun) -> float:
    """How the seconds beside the fit grow: half of them with the rows."""
    return 0.5 + 0.5 * rows / max(1, run.shape.rows)


def by_past_runs(runs: Sequence[PastRun], wanted: Shape) -> float:
    """Seconds of a run like earlier ones; runs of nearly the same shape count more.

    >>> shape = Shape(1000, 10, 100, 2)
    >>> round(by_past_runs([PastRun(shape, 5.0, 4.0, 1 << 30)], shape), 6)
    5.0
    """
    weights, scaled = [], []
    for run in runs:
        ratio = wanted.work / run.shape.work
        rest = (run.seconds - run.fit_seconds) * _grown(wanted.rows, run)
        scaled.append(math.log(max(1e-3, run.fit_seconds * ratio + rest)))
        weights.append(1.0 / (0.05 + abs(math.log(ratio))))
    return math.exp(sum(w * s for w, s in zip(weights, scaled, strict=True)) / sum(weights))


def memory(shape: Shape, runs: Sequence[PastRun] = ()) -> float:
    """Bytes at the peak: what the libraries take, the frame, codes and bins, and gradients; or as earlier runs grew.

    >>> memory(Shape(1_000_000, 20, 1, 1)) > memory(Shape(1_000, 20, 1, 1)) > BASE_RSS
    True
    """
    if runs:
        nearest = min(runs, key=lambda run: abs(math.log(max(1, shape.rows) / max(1, run.shape.rows))))
        cells = shape.rows * (shape.features + 6) / max(1, nearest.shape.rows * (nearest.shape.features + 6))
        base = min(BASE_RSS, *(run.rss_bytes for run in runs))
        return base + (nearest.rss_bytes - base) * cells
    return BASE_RSS + shape.rows * ((shape.features + 6) * 8 * 3 + 64)


def search_of(run: Interval, fit_share: float, fits: int, rows_share: float) -> Interval:
    """Seconds of a search whose `fits` learn from `rows_share` of the rows each, from those of one training run.

    >>> search_of(Interval(10.0, 5.0, 20.0), 0.8, fits=30, rows_share=0.5).value
    122.0
    """
    times = (1 - fit_share) + fit_share * fits * rows_share
    return Interval(run.value * times, run.low * times, run.high * times)


def memory_of_search(run: Interval, shape: Shape) -> Interval:
    """Bytes of a search: those of a training run, the rows laid out for the child, and the child with its bins."""
    more = CHILD_RSS + shape.rows * (shape.features + 1) * 8 * 2
    return Interval(run.value + more, run.low + more, run.high + more)


def gpu_memory(shape: Shape, device: str) -> int:
    """Bytes on the GPU: the context, one byte a bin, gradients and scores; none for a fit on the CPU.

    >>> gpu_memory(Shape(1000, 10, 1, 1), "cpu")
    0
    """
    return 0 if device == "cpu" else BASE_GPU + shape.rows * (shape.features + 24)
