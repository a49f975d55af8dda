"""A suspect: what may have caused an alert, how much speaks for it, and how to look closer."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

KINDS = ("source", "label", "rule", "commit", "feature", "deployment", "environment", "machine", "run")


@dataclass(frozen=True)
class Suspect:
    """One candidate; `score` from 0 to 1 is the size of its change, weighed by its tie to the signal and by time."""

    kind: str
    name: str
    what: str
    score: float
    at: str | None = None
    evidence: tuple[str, ...] = ()
    next_step: str = ""


def strength(change: float, usual: float) -> float:
    """How much a change stands out of what is usual, from 0 (as always) to nearly 1; half at three times the usual.

    >>> strength(0.0, 0.1), round(strength(0.3, 0.1), 2), round(strength(30.0, 0.1), 2)
    (0.0, 0.5, 0.99)
    """
    if not (math.isfinite(change) and math.isfinite(usual)) or change <= 0:
        return 0.0
    times = change / max(usual, 1e-9)
    return max(times - 1, 0.0) / (max(times - 1, 0.0) + 2)


def ranked(found: Iterable[Suspect], *, most: int = 10, least: float = 0.05) -> tuple[Suspect, ...]:
    """The suspects with something against them, the likeliest first; of the same kind and name the best one counts.

    >>> [s.name for s in ranked([Suspect("rule", "a", "", .2), Suspect("rule", "b", "", .9)])]
    ['b', 'a']
    """
    best: dict[tuple[str, str], Suspect] = {}
    for suspect in found:
        known = best.get((suspect.kind, suspect.name))
        if suspect.score >= least and (known is None or suspect.score > known.score):
            best[suspect.kind, suspect.name] = suspect
    order = sorted(best.values(), key=lambda each: (-round(each.score, 3), KINDS.index(each.kind), each.name))
    return tuple(order[:most])


def weighed(suspects: Sequence[Suspect], factor: float) -> list[Suspect]:
    """The same suspects with their scores times a factor."""
    return [replace(each, score=each.score * factor) for each in suspects]


__all__ = ["KINDS", "Suspect", "ranked", "strength", "weighed"]
