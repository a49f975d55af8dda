"""Root cause: from an alert to its suspects, ranked by size of the change, tie to the signal, and time."""

import time
from dataclasses import dataclass

from app.domain.workspace import Workspace
from app.services.monitoring.causes.case import Look, case_of
from app.services.monitoring.causes.code import (
    commit_suspects,
    deployment_suspects,
    environment_suspects,
    rule_suspects,
)
from app.services.monitoring.causes.data import source_suspects
from app.services.monitoring.causes.machine import machine_suspects
from app.services.monitoring.causes.moved import feature_suspects, moved_features
from app.services.monitoring.causes.reading import readings_of
from app.services.monitoring.causes.suspects import Suspect, ranked
from app.store.queries.alerts import AlertRow, alert_of
from app.store.reader import Reader

EXPLAINED = 0.45


@dataclass(frozen=True)
class Explained:
    """An alert, the look at which its signal was last good, the first bad one, and the suspects, likeliest first."""

    alert: AlertRow
    good: Look | None
    bad: Look
    suspects: tuple[Suspect, ...]
    took_s: float


def explain(reader: Reader, workspace: Workspace, key: str, *, most: int = 10) -> Explained:
    """Compare everything that is on record of the first bad look with the last good one before it.

    Reads rows and stored profiles only, never the data again, so it takes well under a second. Raises NotFound or
    Usage for a key that names no alert, or more than one.
    """
    begun = time.monotonic()
    alert = alert_of(reader, key)
    case = case_of(reader, alert)
    found: list[Suspect] = []
    if alert.project and alert.report:
        moved = moved_features(reader, case)
        rules, by_rule = rule_suspects(reader, case, moved)
        readings = readings_of(reader, case)
        sources, by_source = source_suspects(reader, case, readings)
        found += [*rules, *sources, *feature_suspects(moved, case, by_source | by_rule, readings.columns)]
        found += commit_suspects(reader, workspace, case, rules)
        found += deployment_suspects(reader, case)
        unexplained = max((one.score for one in (*rules, *sources)), default=0.0) < EXPLAINED
        found += environment_suspects(reader, case, unexplained=unexplained)
    found += machine_suspects(reader, case)
    return Explained(alert, case.good, case.bad, ranked(found, most=most), time.monotonic() - begun)


__all__ = ["Explained", "Look", "Suspect", "explain"]
