"""The training profile that is kept with a model: what its features and its score looked like."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from app.domain.errors import Damaged
from app.monitoring.calibration import Calibration
from app.monitoring.estimate import EstimateReference
from app.monitoring.multivariate import Sample
from app.monitoring.sketch import Sketch, sketch_from_json


@dataclass(frozen=True)
class NumberBins:
    """A number's inner edges (ascending), the share of each of the len(edges) + 1 bins, and the share missing.

    `side` says which bin a value on an edge belongs to, in the words of `numpy.searchsorted`. A profile of an earlier
    program has no sketch: what needs one is unknown then.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float = 0.0
    side: Literal["left", "right"] = "right"
    sketch: Sketch | None = field(default=None, compare=False, repr=False)

    @property
    def all_shares(self) -> tuple[float, ...]:
        """The shares with the missing last."""
        return (*self.shares, self.missing)


@dataclass(frozen=True)
class CategoryBins:
    """A category's named values, their shares, the share of all other values, and the share missing.

    `rare` are the values that training knew beside the named ones; None where an earlier program did not keep them.
    """

    values: tuple[str, ...]
    shares: tuple[float, ...]
    other: float = 0.0
    missing: float = 0.0
    rare: tuple[str, ...] | None = None

    @cached_property
    def known(self) -> frozenset[str]:
        """Every value of the training rows, as far as they were kept."""
        return frozenset((*self.values, *(self.rare or ())))

    @property
    def all_shares(self) -> tuple[float, ...]:
        """The shares with other and the missing last."""
        return (*self.shares, self.other, self.missing)


Bins = NumberBins | CategoryBins


@dataclass(frozen=True)
class Profile:
    """What the training rows looked like.

    `importance` are shares that sum to 1; `naive` is what the naive baseline answers (a share of each class, or a
    number); calibration, estimate and sample are what later programs keep beside it, None in an old profile.
    """

    features: Mapping[str, Bins]
    score: NumberBins | None
    rows: int
    score_rows: int
    window: tuple[datetime | None, datetime | None]
    metrics: Mapping[str, float]
    importance: Mapping[str, float] = field(default_factory=dict)
    naive: tuple[float, ...] = ()
    calibration: Calibration | None = None
    score_calibration: Calibration | None = None
    estimate: EstimateReference | None = None
    sample: Sample | None = None


def parse_profile(content: bytes) -> Profile:
    """Read a profile's JSON; raises Damaged when it is not one.

    >>> hour = b'{"kind": "number", "edges": [9, 17], "shares": [0.3, 0.4, 0.3], "missing": 0.0}'
    >>> profile = parse_profile(b'{"features": {"hour": %s}, "score": null, "rows": 100}' % hour)
    >>> profile.features["hour"].all_shares
    (0.3, 0.4, 0.3, 0.0)
    """
    try:
        document = json.loads(content)
        return Profile(
            features={str(name): _bins(entry) for name, entry in document["features"].items()},
            score=_numbers(document["score"]) if document.get("score") else None,
            rows=int(document["rows"]),
            score_rows=int(document.get("test_rows") or document["rows"]),
            window=_window(document.get("window")),
            metrics={
                str(name): float(value)
                for name, value in (document.get("metrics") or {}).items()
                if isinstance(value, int | float)
            },
            importance={str(name): float(share) for name, share in (document.get("importance") or {}).items()},
            naive=tuple(float(value) for value in document.get("naive") or ()),
            calibration=_calibration(document.get("calibration")),
            score_calibration=_calibration(document.get("score_calibration")),
            estimate=EstimateReference.of_json(document["estimate"]) if document.get("estimate") else None,
            sample=Sample.of_json(document["sample"]) if document.get("sample") else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, zlib.error) as error:
        raise Damaged(f"the training profile cannot be read ({error})", next_step="trainmaster store fsck") from error


def _calibration(entry: Mapping[str, Any] | None) -> Calibration | None:
    return Calibration.of_json(entry) if entry else None


def _bins(entry: Mapping[str, Any]) -> Bins:
    if entry["kind"] == "number":
        return _numbers(entry)
    if entry["kind"] != "category":
        raise ValueError(f"{entry['kind']!r} is neither number nor category")
    shares = entry["shares"]
    return CategoryBins(
        tuple(str(value) for value in shares),
        tuple(float(share) for share in shares.values()),
        float(entry.get("other") or 0.0),
        float(entry.get("missing") or 0.0),
        tuple(str(value) for value in entry["rare"]) if entry.get("rare") is not None else None,
    )


def _numbers(entry: Mapping[str, Any]) -> NumberBins:
    edges, shares = list(entry["edges"]), tuple(float(share) for share in entry["shares"])
    if len(edges) == len(shares) + 1:  # the outer edges are written too, but they are open
        edges = edges[1:-1]
    if len(edges) != len(shares) - 1 and not (not edges and not shares):
        raise ValueError(f"{len(edges)} edges for {len(shares)} bins")
    side: Literal["left", "right"] = "left" if entry.get("side") == "left" else "right"
    sketch = sketch_from_json(entry["sketch"]) if entry.get("sketch") else None
    inner = tuple(float(edge) for edge in edges)
    return NumberBins(inner, shares or (0.0,), float(entry.get("missing") or 0.0), side, sketch)


def _window(value: Any) -> tuple[datetime | None, datetime | None]:
    if not value:
        return (None, None)
    begin, end = (datetime.fromisoformat(str(moment).replace("Z", "+00:00")) if moment else None for moment in value)
    return (begin, end)


__all__ = ["Bins", "CategoryBins", "NumberBins", "Profile", "parse_profile"]
