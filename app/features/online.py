"""The online feature store: for each entity the newest known row, kept under its key, read in one query for many keys.

One small interface, two engines behind it (`online_sqlite`, `online_postgres`). This module and SQLite's engine import
neither pandas nor pyarrow, because the gateway loads them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar

from app.domain.errors import BadInput
from app.domain.text import visible

KeyKind = Literal["text", "integer", "number", "time"]
Key = str | int | float
Value = str | float | int | None
Result = TypeVar("Result")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_PER_HOUR = 3_600_000_000
SERVED, EXPIRED, EARLY = "served", "expired", "early"


class OnlineRow(NamedTuple):
    """What is known of one entity: `values` in the order of the view's columns, or none when they may not be served.

    `state` is "served", "expired" (older than the time to live) or "early" (not known yet at the moment of the read).
    Times are microseconds since 1970, UTC.
    """

    values: tuple[Value, ...]
    event_us: int | None
    created_us: int | None
    state: str


@dataclass(frozen=True)
class OnlineView:
    """The rows of one view that are online, and where they came from."""

    project: str
    view: str
    is_spine: bool
    entity: tuple[str, ...]
    key_kinds: tuple[KeyKind, ...]
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    event_time: str | None
    created_time: str | None
    ttl_us: int | None
    feature_set: int
    digest: str
    rows: int
    waiting: int
    """Rows of the offline table that are not known yet: they come with a later publish."""
    known_until: str
    """Rows that were known at this moment (ISO 8601, UTC) took part."""
    published_at: str = ""
    empty: tuple[Value, ...] = ()
    """Of a view over history: what it says of an entity of which nothing counts; its rows are steps in time."""
    ages: tuple[int, ...] = ()
    """Places of the columns that keep the moment of an event and are read as the hours since then."""

    @property
    def is_history(self) -> bool:
        """Whether a key has a row for each change, which holds from its event time on."""
        return bool(self.empty)

    def as_json(self) -> str:
        """The same as text."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Inverse of `as_json`."""
        found = json.loads(text)
        lists = {name: tuple(found[name]) for name in _LISTS}
        return cls(**{**found, **lists})

    def key_of(self, entity: Mapping[str, object]) -> Key:
        """The key of an entity, given as {column: value}; raises BadInput for one that is absent or of a wrong type.

        >>> keys = ("a", "n"), ("text", "integer")
        >>> view = OnlineView("p", "v", False, *keys, (), (), None, None, None, 1, "", 0, 0, "")
        >>> view.key_of({"a": "x", "n": 7})
        '["x",7]'
        """
        parts = [_part(entity, name, kind, self.view) for name, kind in zip(self.entity, self.key_kinds, strict=True)]
        return parts[0] if len(parts) == 1 else joined(parts)


@dataclass(frozen=True)
class RowSet:
    """Rows to publish: (key, event_us, created_us, *values), in the order of their keys; None keeps what is online."""

    about: OnlineView
    rows: Iterable[tuple[Any, ...]] | None


class Read(Protocol):
    """Reads rows of one view by key, all from the same state of the store."""

    def __call__(
        self, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        """One row (or None where nothing is known) for each key, in the order of `keys`."""


class OnlineStore(Protocol):
    """What both engines can do. A publish is one transaction: a reader sees the rows before it or after it."""

    def views(self, project: str) -> dict[str, OnlineView]:
        """What is online of a project, by view."""

    def read(
        self, project: str, view: str, keys: Sequence[Key], at_us: int
    ) -> tuple[OnlineView, list[OnlineRow | None]]:
        """One row (or None) for each key, in one query; raises NotFound when the view is not online."""

    def together(self, work: Callable[[Read], Result]) -> Result:
        """Call `work` with a `read` whose calls all see the same publish; `work` may be called again."""

    def publish(
        self, project: str, sets: Sequence[RowSet], *, now: datetime, step: Callable[[int], None] = ...
    ) -> None:
        """Replace all rows of a project; views that `sets` does not name go. `step` hears of every 10,000th row."""

    def keys(self, project: str, view: str, *, after: Key | None = None, limit: int = 1000) -> list[Key]:
        """A page of the keys of a view, in order."""

    def close(self) -> None:
        """Give back every connection."""


_LISTS = ("entity", "key_kinds", "columns", "kinds", "empty", "ages")


def answered(row: Sequence[Any] | None, at_us: int, first: int, about: OnlineView) -> OnlineRow | None:
    """What a read gives for a stored row (its event time at place `first`), or for the lack of one."""
    if not about.is_history:
        return None if row is None else judged(row, at_us, first, about.ttl_us)
    if row is None:
        is_early = at_us < micros(datetime.fromisoformat(about.known_until))
        return OnlineRow((), None, None, EARLY) if is_early else OnlineRow(about.empty, None, None, SERVED)
    values = list(row[first + 2 :])
    for place in about.ages:
        values[place] = None if values[place] is None else (at_us - values[place]) / MICROSECONDS_PER_HOUR
    return OnlineRow(tuple(values), row[first], None, SERVED)


def joined(parts: Sequence[Key]) -> str:
    """One key out of several columns.

    >>> joined(["a", 1])
    '["a",1]'
    """
    return json.dumps(parts, separators=(",", ":"))


def judged(row: Sequence[Any], at: int, first: int, ttl_us: int | None) -> OnlineRow:
    """A stored row (from place `first`: event time, created time, values) as it counts at a moment in microseconds.

    >>> judged((0, None, 1.5), 7, 0, 6)
    OnlineRow(values=(), event_us=0, created_us=None, state='expired')
    """
    event = row[first]
    if event is None:
        return OnlineRow(tuple(row[first + 2 :]), None, None, SERVED)
    created = row[first + 1]
    if event > at or (created is not None and created > at):
        return OnlineRow((), event, created, EARLY)
    if ttl_us is not None and at - event > ttl_us:
        return OnlineRow((), event, created, EXPIRED)
    return OnlineRow(tuple(row[first + 2 :]), event, created, SERVED)


def micros(moment: datetime) -> int:
    """Microseconds since 1970; raises BadInput for a moment without a zone.

    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    if moment.tzinfo is None:
        raise BadInput(f"{moment.isoformat()} has no time zone", next_step="write it with Z, for UTC")
    return (moment - EPOCH) // MICROSECOND


def moment_of(us: int | None) -> datetime | None:
    """Inverse of `micros`."""
    return None if us is None else EPOCH + timedelta(microseconds=us)


def _part(entity: Mapping[str, object], name: str, kind: KeyKind, view: str) -> Key:
    if name not in entity or entity[name] is None:
        raise BadInput(
            f"the entity has no {visible(name)!r}, the key of view {visible(view)!r}",
            where=name,
            next_step=f"trainmaster features get --entity {name}=VALUE",
        )
    value = entity[name]
    match kind:
        case "text" if isinstance(value, str):
            return value
        case "integer" if isinstance(value, int):
            return int(value)
        case "integer" if isinstance(value, float) and value.is_integer():
            return int(value)
        case "number" if isinstance(value, int | float):
            return float(value)
        case "time" if isinstance(value, datetime):
            return micros(value)
    raise BadInput(
        f"the key {visible(name)!r} of view {visible(view)!r} is a {kind}, not {visible(value, longest=60)!r}",
        where=name,
        next_step=f"give {name} as a {kind}",
    )


def parsed_key(text: str, kind: KeyKind) -> object:
    """A key as a person types it; raises BadInput.

    >>> parsed_key("7", "integer"), parsed_key("JFK", "text")
    (7, 'JFK')
    """
    try:
        match kind:
            case "text":
                return text
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "time":
                found = datetime.fromisoformat(text)
                return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        raise BadInput(f"{visible(text, longest=60)!r} is not a {kind}", next_step=f"give a {kind}") from None
