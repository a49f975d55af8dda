"""Step 25: `[serving.features]`, what an answer by entity does about features that are stale or missing."""

from typing import Literal

from pydantic import Field

from app.domain.project.section import Column, Name, Section


class Freshness(Section):
    """What happens when a view has nothing to say of an entity, or nothing that is young enough.

    A view is stale when its newest row is older than its own `ttl_hours`, or than `maximum_age_hours` here. `flag`
    answers with missing values and says so, `default` puts `defaults` in their place and says so, `refuse` answers 409.

    >>> Freshness(stale="default", defaults={"temp": 60}).defaults["temp"]
    60
    """

    stale: Literal["flag", "default", "refuse"] = "flag"
    maximum_age_hours: dict[Name, float] = Field(default_factory=dict)
    defaults: dict[Column, int | float | str] = Field(default_factory=dict)


__all__ = ["Freshness"]
