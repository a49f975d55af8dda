"""One number about the health of something, against its limit."""

from dataclasses import dataclass

from app.domain.states import Severity


@dataclass(frozen=True)
class HealthValue:
    """A signal of health; `looks` says how many looks in a row open an alert where no rule says it.

    A signal without a limit is only shown. `unit` is one of %, s, h, d, bytes, or nothing.
    """

    name: str
    kind: str
    value: float | None
    limit: float | None
    says: str
    unit: str = ""
    breached: bool = False
    severity: Severity = Severity.WARNING
    next_step: str = ""
    looks: int = 1
    source: str | None = None
    run_id: int | None = None
    version_id: int | None = None


def over(value: float | None, limit: float) -> bool:
    """Whether a number that is known is at its limit or past it.

    >>> over(92.0, 92.0), over(None, 1.0), over(float("nan"), 1.0)
    (True, False, False)
    """
    return value is not None and value >= limit


__all__ = ["HealthValue", "over"]
