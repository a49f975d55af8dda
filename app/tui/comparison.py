"""A version next to the one that was in production when it was trained: both judged on the same test rows."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from app.domain.problem import MetricName
from app.tui import words
from app.tui.lines import Span

RIVAL = "production."
"""What the metrics of the production version, judged on the same rows, begin with."""
KNOWN = {str(name): name for name in MetricName}


class Gate(Protocol):
    """A gate's verdict, as a query or a plan gives it."""

    @property
    def gate(self) -> str:
        """Its name."""

    @property
    def says(self) -> str:
        """Its verdict in words."""


def of_rival(metrics: Mapping[str, float], key: str) -> float | None:
    """The same metric of the version that was in production, on the same rows; None when it was not judged.

    >>> of_rival({"auc": 0.7, "production.auc": 0.6}, "auc"), of_rival({"auc": 0.7}, "auc")
    (0.6, None)
    """
    return metrics.get(RIVAL + key)


def rival_of(gates: Iterable[Gate], otherwise: int | None = None) -> str:
    """The version that was compared with: the production gate names it, and it may have been replaced since."""
    said = next((gate.says for gate in gates if gate.gate == "production"), "")
    found = re.search(r"\bv(\d+) in production", said)
    number = found[1] if found else otherwise
    return f"production v{number}" if number is not None else "production"


def change(metric: str, value: float | None, before: float | None) -> Span:
    """The difference, and its ink: green is better in the metric's own direction; a dash when there is none.

    >>> change("log_loss", 0.40, 0.45), change("auc", 0.70, 0.72), change("auc", 0.7, None)
    (('-.050', 'ok'), ('-.020', 'bad'), ('–', 'dim'))
    """
    if value is None or before is None or not (math.isfinite(value) and math.isfinite(before)):
        return "–", "dim"
    name = KNOWN.get(metric.rpartition(".")[2])
    gain = name.gain(value, over=before) if name is not None else value - before
    return words.signed(value - before), "dim" if gain == 0 else "ok" if gain > 0 else "bad"


__all__ = ["RIVAL", "change", "of_rival", "rival_of"]
