"""Step 7: `[views.NAME]` and `[spine]`."""

from pydantic import Field

from app.domain.project.section import Column, Name, Section


class View(Section):
    """Step 7: one feature view, computed by the function of `features.py` that has its name.

    With `event_time` the join takes the newest row at or before the spine's event time, known by then
    (`created_time`), and not older than `ttl_hours`; without it the join is by entity alone.
    """

    entity: tuple[Column, ...] = Field(min_length=1, strict=False)
    event_time: Column | None = None
    created_time: Column | None = None
    ttl_hours: float | None = Field(default=None, gt=0)
    description: str = ""
    owner: str = ""


class Spine(Section):
    """The labelled rows: one function of `features.py` gives entity keys, event time, label time and target."""

    function: Name
