"""Suspects among the features: what moved between the last good window and the first bad one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.services.monitoring.causes.asked import UNTIED, asks_for
from app.services.monitoring.causes.case import Case, document_of
from app.services.monitoring.causes.suspects import Suspect, strength
from app.store.reader import Reader

MOST_FEATURES = 8
LEAST_OF_OWN = 0.6
"""The feature that an alert is about has moved, or there were no alert: it counts as at least so strong."""
SYMPTOM = 0.95
"""A feature stands just below what explains it."""


@dataclass(frozen=True)
class Moved:
    """A feature whose distribution moved between the last good window and the first bad one."""

    feature: str
    psi: float
    missing: float

    def strength(self, asked: str) -> float:
        """How far it moved in the way that an alert asks for: a share of missing rows, or anything."""
        return strength(abs(self.missing), 0.02) if asked == "missing" else strength(self.psi, 0.03)


def moved_features(reader: Reader, case: Case) -> list[Moved]:
    """Features of the reports by how far they moved, the farthest first."""
    bad = document_of(reader, case.bad.profile).get("shares", {})
    good = document_of(reader, case.good.profile if case.good else None).get("shares", {}) or _trained(reader, case)
    found = []
    for name, now in bad.items():
        before = good.get(name)
        if name != "score" and isinstance(before, list) and len(before) == len(now):
            found.append(Moved(name, _psi(before, now), float(now[-1]) - float(before[-1])))
    return sorted(found, key=lambda one: -one.psi)


def feature_suspects(
    moved: Sequence[Moved], case: Case, explained: Mapping[str, float], columns: frozenset[str]
) -> list[Suspect]:
    """The features themselves; one whose source or rule is a suspect already is a symptom, and stands below it.

    `explained` says by feature or column what its cause is suspected of; `columns` are those that the alert's own
    feature comes from.
    """
    found = []
    own, asked = case.alert.feature, asks_for(case.alert)
    for one in [*moved[:MOST_FEATURES], *(one for one in moved[MOST_FEATURES:] if one.feature == own)]:
        causes = [explained[name] for name in (columns if one.feature == own else {one.feature}) if name in explained]
        tied = 1.0 if own in (None, one.feature) else UNTIED
        says = f"psi {one.psi:.3f} against the last good window"
        if abs(one.missing) > 0.02:
            says += f", missing {one.missing:+.0%}"
        command = f"trainmaster features show --project {case.project}"
        size = max(one.strength(asked), LEAST_OF_OWN if one.feature == own else 0.0)
        score = (0.55 if causes else 0.75) * tied * size
        score = min(score, SYMPTOM * max(causes)) if causes else score
        found.append(Suspect("feature", one.feature, says, score, case.bad.at, (), command))
    return found


def _trained(reader: Reader, case: Case) -> dict[str, list[float]]:
    """The shares of the training profile, in the shape of a report's."""
    row = reader.one(
        "SELECT v.profile FROM model_version v JOIN model m ON m.id = v.model_id "
        "WHERE m.name = :model AND v.version = :version",
        {"model": case.alert.model, "version": case.alert.version},
    )
    found: dict[str, list[float]] = {}
    for name, entry in document_of(reader, row["profile"] if row else None).get("features", {}).items():
        shares = entry["shares"]
        missing = float(entry.get("missing") or 0.0)
        if entry["kind"] == "category":
            found[name] = [*(float(share) for share in shares.values()), float(entry.get("other") or 0.0), missing]
        else:
            found[name] = [*(float(share) for share in shares), missing]
    return found


def _psi(before: Sequence[float], now: Sequence[float], floor: float = 1e-3) -> float:
    pairs = [(max(a, floor), max(b, floor)) for a, b in zip(before, now, strict=True)]
    return sum((b - a) * math.log(b / a) for a, b in pairs)


__all__ = ["Moved", "feature_suspects", "moved_features"]
