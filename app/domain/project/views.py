"""Step 7: `[views.NAME]` and `[spine]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from app.domain.project.section import Column, Name, Section, Text


class Window(Section):
    """Step 11: one feature of a history view: what is `take`n `of` a column of the facts of the last hours.

    `mean` of a truth value is a share; `last` is the value of the newest event and `age` the hours since it; `count`
    and `age` need no column.

    >>> Window(take="mean", of="late", hours=24).of
    'late'
    """

    take: Literal["count", "sum", "mean", "min", "max", "last", "age"]
    of: Column | None = None
    hours: float = Field(gt=0, le=24 * 366 * 100)

    @model_validator(mode="after")
    def _has_a_column(self) -> Self:
        if self.of is None and self.take not in ("count", "age"):
            raise ValueError(f"take = '{self.take}' needs of = 'a column of the facts'")
        return self


class View(Section):
    """Step 7: one feature view, computed by the function of `features.py` that has its name.

    With `event_time` the join takes the newest row at or before the spine's event time, known by then
    (`created_time`), and not older than `ttl_hours`; without it the join is by entity alone.

    With `history` the view is windows over the facts that this function of `features.py` gives: a fact counts from
    when it was known (the later of its event and created time) until its event is older than the window.

    `by = "snapshot"` says that the rows of each snapshot can be computed alone, so that a build computes new ones only.
    """

    entity: tuple[Column, ...] = Field(min_length=1, strict=False)
    event_time: Column | None = None
    created_time: Column | None = None
    ttl_hours: float | None = Field(default=None, gt=0)
    history: Name | None = None
    windows: dict[Column, Window] = Field(default_factory=dict)
    by: Literal["snapshot"] | None = None
    description: str = ""
    owner: str = ""
    tags: tuple[Text, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.history is None) != (not self.windows):
            raise ValueError("a view over history has both: history = 'a function' and its windows")
        if self.history is not None:
            if self.event_time is None:
                raise ValueError("a view over history needs the event_time of its facts")
            if self.ttl_hours is not None:
                raise ValueError("a view over history has no ttl_hours: each window says how far it looks back")
        if self.created_time is not None and self.event_time is None:
            raise ValueError("created_time needs event_time")
        return self


class Spine(Section):
    """The labelled rows: one function of `features.py` gives entity keys, event time, label time and target.

    `by = "snapshot"` says that the rows of each snapshot can be computed alone. `known_later` names the columns of the
    source that are known at the label time only; `features test` proves that no feature reads them sooner.
    """

    function: Name
    by: Literal["snapshot"] | None = None
    known_later: tuple[Column, ...] = Field(default=(), strict=False)
