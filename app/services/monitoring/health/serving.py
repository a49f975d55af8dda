"""The gateway since the last look: errors, latency, throughput, queue, and rows that the log could not take."""

from collections.abc import Callable

from app.domain.errors import TrainmasterError
from app.domain.project import Health
from app.domain.states import Severity
from app.domain.workspace import Workspace
from app.services.monitoring.health.value import HealthValue, over
from app.services.serving import traffic
from app.services.serving.traffic import Counters, Traffic

LEAST_REQUESTS = 20
"""Fewer answers since the last look say nothing about errors or latency."""
LOOKS = 2


class Gateway:
    """Asks the gateway for its counters at each look; what happened is the difference to the look before.

    `clock` gives seconds that only rise.
    """

    def __init__(self, workspace: Workspace, clock: Callable[[], float]) -> None:
        self._workspace, self._clock = workspace, clock
        self._last: Counters | None = None

    def since_last(self) -> tuple[Traffic, float] | None:
        """The traffic and its seconds; None at the first look, and while no gateway answers."""
        before = self._last
        try:
            self._last = traffic.look(self._workspace, self._clock())
        except (TrainmasterError, OSError, ValueError):
            self._last = None
        if before is None or self._last is None or self._last.at <= before.at:
            return None
        return traffic.between(before, self._last), self._last.at - before.at


def serving_values(found: tuple[Traffic, float] | None, limits: Health) -> list[HealthValue]:
    """A signal each; nothing without a gateway, and no alarm about a handful of requests.

    >>> busy = Traffic(requests_per_s=10.0, errors_per_s=1.0, p99_ms=40.0)
    >>> [one.name for one in serving_values((busy, 15.0), Health()) if one.breached]
    ['serving.errors']
    """
    if found is None:
        return []
    seen, seconds = found
    answers = seen.requests_per_s * seconds
    many = answers >= LEAST_REQUESTS
    errors = 100 * seen.errors_per_s / seen.requests_per_s if many else None
    late_s = seen.p99_ms / 1000 if many and seen.p99_ms is not None else None
    of = f"of {answers:,.0f} answers in {seconds:.0f} s"

    def value(name: str, now: float | None, limit: float | None, says: str, unit: str = "") -> HealthValue:
        bad = limit is not None and over(now, limit)
        step = "trainmaster status" if bad else ""
        return HealthValue(
            f"serving.{name}", "serving", now, limit, says, unit, bad, Severity.CRITICAL, step, looks=LOOKS
        )

    quiet = f"{answers:,.0f} answers in {seconds:.0f} s: too few to judge"
    return [
        value(
            "errors", errors, limits.serving_errors_percent, f"{errors or 0:.1f} % {of} failed" if many else quiet, "%"
        ),
        value(
            "p99", late_s, limits.serving_p99_s, f"99 % {of} came within {late_s or 0:.3f} s" if many else quiet, "s"
        ),
        value("requests", seen.requests_per_s, None, f"{seen.requests_per_s:,.1f} answers a second"),
        value(
            "queue", float(seen.queued_rows), limits.serving_queued_rows, f"{seen.queued_rows:,} rows wait for the log"
        ),
        value("dropped", float(seen.dropped_rows), 1.0, f"{seen.dropped_rows:,} rows are in no log"),
    ]


__all__ = ["Gateway", "serving_values"]
