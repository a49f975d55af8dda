"""A signal: one number of a window against its limit."""

import math
from dataclasses import dataclass

from app.domain.problem import Direction, at_least, at_most
from app.domain.project import Monitoring


@dataclass(frozen=True)
class SignalValue:
    """One number against its limit: NaN when it cannot be computed, with the reason in `says`.

    `direction` says which way the signal is better; `slice` which rows it speaks of (COLUMN=VALUE); `low` and `high`
    are its interval, where it has one; `importance` is the share that its feature has in the model's answers.
    """

    name: str
    kind: str
    feature: str | None
    value: float
    limit: float | None
    direction: Direction
    breached: bool
    says: str = ""
    slice: str | None = None
    low: float | None = None
    high: float | None = None
    importance: float | None = None


def judged(
    name: str,
    kind: str,
    value: float,
    limit: float | None,
    direction: Direction = Direction.LOWER,
    *,
    feature: str | None = None,
    says: str = "",
    slice_: str | None = None,
    low: float | None = None,
    high: float | None = None,
    importance: float | None = None,
) -> SignalValue:
    """A value held to a limit; a value or a limit that is not finite never alarms.

    >>> judged("auc", "quality", 0.6, 0.7, Direction.HIGHER).breached
    True
    >>> judged("auc", "quality", math.nan, 0.7, Direction.HIGHER, says="one class only").breached
    False
    """
    if limit is not None and not math.isfinite(limit):
        limit = None
    inside = at_least if direction is Direction.HIGHER else at_most
    breached = limit is not None and math.isfinite(value) and not inside(value, limit)
    return SignalValue(name, kind, feature, value, limit, direction, breached, says, slice_, low, high, importance)


def by_hand(rules: Monitoring, name: str) -> float | None:
    """The limit that the project sets for a signal, if any; a statistic's PSI limit counts for every feature.

    >>> by_hand(Monitoring(psi_limit=0.2), "psi.temp"), by_hand(Monitoring(limits={"skill": 0.0}), "skill")
    (0.2, 0.0)
    """
    if name in rules.limits:
        return rules.limits[name]
    if name == "psi.score":
        return rules.score_psi_limit
    return rules.psi_limit if name.startswith("psi.") else None


__all__ = ["SignalValue", "by_hand", "judged"]
