"""Spaces: what a hyperparameter may be, as Optuna's distributions, and whether a value lies at an edge."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.project import LearnerKind, Range, Search
from app.domain.project.search import Space, Value
from app.learning.learners import method_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

EDGE = 0.02
"""A value within this share of its range from an end lies at the edge."""


def space_of(kind: LearnerKind, search: Search) -> Space:
    """The learner's own space, with what the project sets in place of it.

    >>> space_of("logistic", Search(learners=("logistic",), spaces={"logistic": {"C": 2.0}}))
    {'C': 2.0}
    """
    return {**method_of(kind).space, **search.spaces.get(kind, {})}


def distributions_of(kind: LearnerKind, space: Space) -> "dict[str, BaseDistribution]":
    """Optuna's distributions under `learner.name`; a single value is not searched and has none."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for name, dimension in space.items():
        match dimension:
            case Range(low=low, high=high, log=log):
                found[f"{kind}.{name}"] = (
                    IntDistribution(int(low), int(high), log=log)
                    if dimension.whole
                    else FloatDistribution(low, high, log=log)
                )
            case tuple():
                found[f"{kind}.{name}"] = CategoricalDistribution(dimension)
    return found


def fixed_of(space: Space) -> dict[str, Value]:
    """The values of a space that are not searched."""
    return {name: value for name, value in space.items() if not isinstance(value, Range | tuple)}


def edges(parameters: Mapping[str, Any], space: Space) -> tuple[str, ...]:
    """What to say of values at an end of their range: the best may lie beyond it.

    >>> edges({"a": 0.299}, {"a": Range(low=0.01, high=0.3, log=True)})
    ('a = 0.299 lies at the upper edge of its space (0.3)',)
    """
    found = []
    for name, value in parameters.items():
        dimension = space.get(name)
        if not isinstance(dimension, Range) or isinstance(value, bool) or not isinstance(value, int | float):
            continue
        at = _share(float(value), dimension)
        if at <= EDGE:
            found.append(f"{name} = {value:.4g} lies at the lower edge of its space ({dimension.low:g})")
        elif at >= 1 - EDGE:
            found.append(f"{name} = {value:.4g} lies at the upper edge of its space ({dimension.high:g})")
    return tuple(found)


def _share(value: float, dimension: Range) -> float:
    low, high = float(dimension.low), float(dimension.high)
    if dimension.log:
        value, low, high = math.log(max(value, 1e-300)), math.log(low), math.log(high)
    return (value - low) / (high - low)


__all__ = ["distributions_of", "edges", "fixed_of", "space_of"]
