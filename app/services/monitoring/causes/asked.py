"""What an alert asks: which kind of change, of which columns. What is not asked for weighs less."""

from collections.abc import Sequence
from dataclasses import replace

from app.services.monitoring.causes.comparing import Difference, What
from app.store.queries.alerts import AlertRow

OTHER_KIND, OTHER_COLUMN = 0.75, 0.5
"""What a change weighs that is of another kind, or of a column that the feature does not come from."""
UNTIED = 0.6
"""What a suspect weighs that no name ties to the feature of the alert."""
_VALUES = frozenset(What) - {What.ROWS, What.QUARANTINE, What.DUPLICATES, What.LINK}
_KINDS = {
    "missing": frozenset({What.MISSING, What.KIND, What.COLUMNS, What.TIMES}),
    "new_categories": frozenset({What.WORDS, What.KIND}),
    "share": frozenset({What.WORDS, What.KIND, What.STILL}),
    "range": frozenset({What.NUMBERS, What.KIND, What.TIMES}),
    **dict.fromkeys(("psi", "js", "ks", "wasserstein", "chi2"), _VALUES),
    "duplicates": frozenset({What.DUPLICATES, What.REPEATED, What.ROWS, What.TIMES}),
    "label_coverage": frozenset({What.MISSING, What.ROWS, What.TIMES, What.QUARANTINE}),
    "label_lag_hours": frozenset({What.TIMES, What.ROWS, What.MISSING}),
}
OF_DATA = frozenset({"missing", "new_categories", "range", "duplicates", "label_coverage", "label_lag_hours"})
"""Signals of the rows alone: whichever version answers has no part in them."""


def asks_for(alert: AlertRow) -> str:
    """The beginning of the signal's name: what is measured.

    >>> "missing.temp".partition(".")[0] in OF_DATA
    True
    """
    return alert.signal.partition(".")[0]


def relevance(alert: AlertRow, columns: frozenset[str], found: Sequence[Difference]) -> list[Difference]:
    """The differences by what the alert asks for, the likeliest answer first.

    `columns` are those of the delivery that the alert's feature comes from; where none is known, all count.
    """
    kinds = _KINDS.get(asks_for(alert))
    weighed = []
    for one in found:
        weight = 1.0 if kinds is None or one.what in kinds else OTHER_KIND
        if columns and one.column and one.column not in columns:
            weight *= OTHER_COLUMN
        weighed.append(replace(one, strength=one.strength * weight))
    return sorted(weighed, key=lambda each: -each.strength)


__all__ = ["OF_DATA", "UNTIED", "asks_for", "relevance"]
