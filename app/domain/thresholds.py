"""How many alarms a limit would have given: a rule over stored values, pure and quick enough to type by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tried:
    """A limit tried on stored windows: those with a value, those past it, and the alerts they would have made."""

    windows: int
    past: int
    alarms: int

    @property
    def says(self) -> str:
        """One line.

        >>> Tried(12, 3, 2).says
        '2 alerts, 3 of 12 windows past it'
        """
        word = "alert" if self.alarms == 1 else "alerts"
        return f"{self.alarms} {word}, {self.past} of {self.windows} windows past it"


def tried(
    values: Sequence[float], limit: float, *, higher_is_better: bool, open_after: int = 1, resolve_after: int = 1
) -> Tried:
    """Hold the values of windows, oldest first, to a limit; windows without a value say neither yes nor no.

    >>> tried([.1, .3, .3, .1, .4], .25, higher_is_better=False)
    Tried(windows=5, past=3, alarms=2)
    >>> tried([.1, .3, .3, .1, .4], .25, higher_is_better=False, open_after=2).alarms
    1
    """
    known = [value for value in values if math.isfinite(value)]
    past = alarms = in_a_row = quiet = 0
    is_open = False
    for value in known:
        bad = value < limit if higher_is_better else value > limit
        past += bad
        in_a_row, quiet = (in_a_row + 1, 0) if bad else (0, quiet + 1)
        if not is_open and bad and in_a_row >= open_after:
            alarms, is_open = alarms + 1, True
        elif is_open and quiet >= resolve_after:
            is_open = False
    return Tried(len(known), past, alarms)


__all__ = ["Tried", "tried"]
