"""Benchmarks: each module measures us and a peer in one run; `python -m benchmarks` runs all and prints the ratios."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure; `bar` is what it may not pass (or says what it is held to), `met` whether it holds."""

    name: str
    value: float
    unit: str
    bar: float | str | None = None
    met: bool | None = None


def at_most(name: str, value: float, unit: str, limit: float) -> Result:
    """A figure that must not pass a limit.

    >>> at_most("key to frame, p95", 12.0, "ms", 33)
    Result(name='key to frame, p95', value=12.0, unit='ms', bar=33, met=True)
    """
    return Result(name, value, unit, limit, value <= limit)
