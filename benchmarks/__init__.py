"""Benchmarks: each module measures us and a peer in one run; `python -m benchmarks` runs all and prints the ratios."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """One figure; `bar` says what it is held to, `met` whether it holds (None: there is no bar)."""

    name: str
    value: float
    unit: str
    bar: str = ""
    met: bool | None = None


def at_most(name: str, value: float, unit: str, limit: float) -> Result:
    """A figure that must not pass a limit.

    >>> at_most("key to frame, p95", 12.0, "ms", 33)
    Result(name='key to frame, p95', value=12.0, unit='ms', bar='<= 33', met=True)
    """
    return Result(name, value, unit, f"<= {limit:g}", value <= limit)
