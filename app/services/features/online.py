"""Reading the online store: what is known of an entity now, and the row that a model wants of it."""

import itertools
import operator
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from app.domain.errors import BadInput, NotFound
from app.domain.text import visible
from app.domain.workspace import Workspace
from app.features.online import (
    EARLY,
    SERVED,
    Key,
    OnlineRow,
    OnlineStore,
    OnlineView,
    Read,
    Value,
    micros,
    moment_of,
    parsed_key,
)
from app.features.online_sqlite import SqliteOnline
from app.learning.signature import Signature
from app.services.secrets import filled_url
from app.services.workspaces import now


@dataclass(frozen=True)
class EntityRow:
    """What one view says of an entity; `values` is empty unless the state is "served"."""

    view: str
    entity: Mapping[str, Key]
    state: str
    values: Mapping[str, Value]
    event_time: datetime | None
    created_time: datetime | None
    age_s: float | None
    feature_set: int
    published_at: str


class ModelRows(NamedTuple):
    """Rows in the order of a signature's features: numbers, texts, None for missing.

    `version` is the feature set that they come from; `absent` names for each row the views that said nothing. `seen`
    is what each of `views` said of each row at the moment `at_us`; `histories` are the views over history.
    """

    rows: list[tuple[Value, ...]]
    names: tuple[str, ...]
    version: int
    absent: list[tuple[str, ...]]
    views: tuple[str, ...] = ()
    seen: Sequence[tuple[OnlineRow | None, ...]] = ()
    at_us: int = 0
    histories: frozenset[str] = frozenset()

    def records(self) -> list[dict[str, Value]]:
        """The same as records."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]

    def ages_s(self, at: int) -> dict[str, float | None]:
        """Seconds since the event behind what each view said of a row; None where it said nothing or has no time."""
        return {
            view: None if said is None or said.event_us is None else (self.at_us - said.event_us) / 1_000_000
            for view, said in zip(self.views, self.seen[at], strict=True)
        }

    def knows(self, at: int) -> bool:
        """Whether any view has a row of an entity; what a view over history says of one without events is none."""
        return any(
            said is not None and (view not in self.histories or said.event_us is not None)
            for view, said in zip(self.views, self.seen[at], strict=True)
        )


@dataclass(frozen=True)
class _Layout:
    """Which column of which view stands where in a row: `pick` takes them out of the views' values in one line."""

    signature: Signature
    names: tuple[str, ...]
    views: tuple[str, ...]
    nothing: tuple[tuple[None, ...], ...]
    pick: Callable[[Sequence[Value]], tuple[Value, ...]]
    needed: frozenset[str]
    histories: frozenset[str]


class OnlineReader:
    """The online store of a workspace, for requests by entity; safe to share between threads."""

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self._views: dict[str, dict[str, OnlineView]] = {}
        self._layouts: dict[tuple[str, int], _Layout] = {}

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """A reader of a workspace's online store."""
        return cls(open_online(workspace))

    @property
    def is_local(self) -> bool:
        """Whether a read is one of a file on this machine, so quick that nobody need wait for it elsewhere."""
        return isinstance(self._store, SqliteOnline)

    def close(self) -> None:
        """Give back every connection."""
        self._store.close()

    def views(self, project: str) -> dict[str, OnlineView]:
        """What is online of a project, looked up now; raises NotFound when nothing is."""
        found = self._store.views(project)
        if not found:
            raise NotFound(
                f"nothing of {visible(project)} is online yet",
                next_step=f"trainmaster features materialize --project {visible(project)}",
            )
        self._views[project] = found
        return found

    def get(
        self, project: str, entity: Mapping[str, object], *, view: str | None = None, at: datetime | None = None
    ) -> list[EntityRow]:
        """What every view (or one) says of an entity at a moment (now, when it is not given).

        Keys that are not given are looked up in the spine's row of the entity. Raises NotFound for a view that is not
        online, BadInput when a key is absent.
        """
        moment = micros(at or now())
        about = self.views(project)
        if view is not None and view not in about:
            raise NotFound(f"view {visible(view)!r} is not online", next_step="trainmaster features ls")

        def work(read: Read) -> list[EntityRow]:
            whole = self._completed(read, project, about, [entity], moment)[0]
            wanted = [view] if view is not None else [name for name, one in about.items() if not one.is_spine]
            if not any(whole.get(key) is not None for name in wanted for key in about[name].entity):
                keys = sorted({key for name in wanted for key in about[name].entity})
                raise BadInput(
                    f"none of the keys {', '.join(map(visible, keys))} is known of this entity",
                    next_step=f"trainmaster features get --entity {visible(keys[0])}=VALUE",
                )
            return [self._entity_row(read, project, about[name], whole, moment) for name in wanted]

        return self._store.together(work)

    def features_for(
        self,
        project: str,
        entities: Sequence[Mapping[str, object]],
        signature: Signature,
        *,
        at: datetime | None = None,
    ) -> ModelRows:
        """For each entity the row that a model takes, as known at a moment (now, when it is not given).

        All rows come from one publish, with one query a view. What is unknown, expired or not known yet is None.
        Raises NotFound when a view of the signature is not online, BadInput when an entity has no usable key.
        """
        moment = micros(at or now())

        def work(read: Read) -> ModelRows:
            whole = entities if complete else self._completed(read, project, about, entities, moment, layout.views)
            found, versions = [], []
            for name in layout.views:
                one, rows = _rows_of(read, project, about[name], whole, moment)
                if one.published_at != about[name].published_at:
                    raise _Republished
                found.append(rows)
                versions.append(one.feature_set)
            return _arranged(layout, list(zip(*found, strict=True)), min(versions, default=0), moment)

        while True:
            about = self._views.get(project) or self.views(project)
            layout = self._layout(project, signature, about)
            complete = all(layout.needed <= one.keys() for one in entities)
            try:
                if complete and len(layout.views) == 1:  # one query: it needs no transaction around it
                    return work(self._store.read)
                return self._store.together(work)
            except _Republished:
                self._views.pop(project, None)
                self._layouts.clear()

    def _layout(self, project: str, signature: Signature, about: Mapping[str, OnlineView]) -> _Layout:
        known = self._layouts.get((project, id(signature)))
        if known is not None and known.signature is signature:
            return known
        views = tuple(dict.fromkeys(feature.view for feature in signature.features))
        for feature in signature.features:
            if feature.view not in about or feature.name not in about[feature.view].columns:
                raise NotFound(
                    f"the feature {visible(feature.name)!r} of view {visible(feature.view)!r} is not online",
                    next_step=f"trainmaster features materialize --project {visible(project)}",
                )
        nothing = tuple((None,) * len(about[view].columns) for view in views)
        first = dict(zip(views, itertools.accumulate((len(each) for each in nothing), initial=0), strict=False))
        places = [first[f.view] + about[f.view].columns.index(f.name) for f in signature.features]
        needed = frozenset(key for view in views if not about[view].is_spine for key in about[view].entity)
        histories = frozenset(view for view in views if about[view].is_history)
        pick = _picks(places)
        made = self._layouts[project, id(signature)] = _Layout(
            signature, signature.names, views, nothing, pick, needed, histories
        )
        return made

    def _completed(
        self,
        read: Read,
        project: str,
        about: Mapping[str, OnlineView],
        entities: Sequence[Mapping[str, object]],
        moment: int,
        wanted: Iterable[str] | None = None,
    ) -> list[Mapping[str, object]]:
        """The entities with the keys that only the spine knows."""
        spine = next((one for one in about.values() if one.is_spine), None)
        names = [name for name in (about if wanted is None else wanted) if not about[name].is_spine]
        needed = {key for name in names for key in about[name].entity}
        lacking = [at for at, one in enumerate(entities) if not needed.issubset(one)]
        if spine is None or not lacking or not spine.columns:
            return list(entities)
        able = [at for at in lacking if all(entities[at].get(key) is not None for key in spine.entity)]
        if not able:
            return list(entities)
        one, rows = read(project, spine.view, [spine.key_of(entities[at]) for at in able], moment)
        whole = list(entities)
        for at, row in zip(able, rows, strict=True):
            if row is not None and row.state == SERVED:
                whole[at] = {**dict(zip(one.columns, row.values, strict=True)), **entities[at]}
        return whole

    def _entity_row(
        self, read: Read, project: str, about: OnlineView, entity: Mapping[str, object], moment: int
    ) -> EntityRow:
        keys = {name: entity.get(name) for name in about.entity}
        shown = {name: str(value) for name, value in keys.items()}
        if any(value is None for value in keys.values()):
            return EntityRow(about.view, shown, "missing", {}, None, None, None, about.feature_set, about.published_at)
        key = about.key_of(keys)
        about, (row,) = read(project, about.view, [key], moment)
        if row is None:
            return EntityRow(about.view, shown, "missing", {}, None, None, None, about.feature_set, about.published_at)
        return EntityRow(
            about.view,
            shown,
            row.state,
            dict(zip(about.columns, row.values, strict=True)) if row.state == SERVED else {},
            moment_of(row.event_us),
            moment_of(row.created_us),
            None if row.event_us is None or row.state == EARLY else (moment - row.event_us) / 1_000_000,
            about.feature_set,
            about.published_at,
        )


class _Republished(Exception):
    """Another publish came between looking up the views and reading them."""


def _picks(places: Sequence[int]) -> Callable[[Sequence[Value]], tuple[Value, ...]]:
    """A function that takes the values at some places out of a line."""
    if len(places) > 1:
        return operator.itemgetter(*places)
    return lambda line: tuple(line[place] for place in places)


def _arranged(layout: _Layout, seen: list[tuple[OnlineRow | None, ...]], version: int, moment: int) -> ModelRows:
    """What the views said, as rows of the signature."""
    lines, absent = [], []
    for said in seen:
        line: tuple[Value, ...] = ()
        silent: tuple[str, ...] = ()
        for view, row, nothing in zip(layout.views, said, layout.nothing, strict=True):
            if row is None or not row.values:
                silent = (*silent, view)
                line += nothing
            else:
                line += row.values
        absent.append(silent)
        lines.append(layout.pick(line))
    return ModelRows(lines, layout.names, version, absent, layout.views, seen, moment, layout.histories)


def _rows_of(
    read: Read, project: str, about: OnlineView, entities: Sequence[Mapping[str, object]], moment: int
) -> tuple[OnlineView, list[OnlineRow | None]]:
    """What the view says of each entity, or None where it says nothing."""
    if len(about.entity) == 1 and about.key_kinds[0] == "text":  # nearly always, and the fastest
        name = about.entity[0]
        keys: list[object] = [entity.get(name) for entity in entities]
        if all(type(key) is str for key in keys):
            return read(project, about.view, keys, moment)  # type: ignore[arg-type]
    able = [at for at, one in enumerate(entities) if all(one.get(name) is not None for name in about.entity)]
    found, rows = read(project, about.view, [about.key_of(entities[at]) for at in able], moment)
    said: list[OnlineRow | None] = [None] * len(entities)
    for at, row in zip(able, rows, strict=True):
        said[at] = row
    return found, said


def open_online(workspace: Workspace) -> OnlineStore:
    """The online store of a workspace: `[online] url` (PostgreSQL) in trainmaster.toml, or an SQLite file."""
    text = workspace.marker.read_text(encoding="utf-8")
    url = tomllib.loads(text).get("online", {}).get("url") if "[online]" in text else None
    if url is None:
        return SqliteOnline(workspace.online_file)
    url = filled_url(workspace, "online", str(url))
    if not url.startswith(("postgresql://", "postgres://")):
        raise BadInput(
            "[online] url must begin with postgresql://",
            where="trainmaster.toml",
            next_step="correct it, or leave it out for an SQLite file",
        )
    from app.features.online_postgres import PostgresOnline

    return PostgresOnline(url)


def entity_of(pairs: Sequence[str], about: Mapping[str, OnlineView]) -> dict[str, object]:
    """An entity as a person types it (`column=value` each); raises BadInput for a column that is no key.

    >>> view = OnlineView("p", "v", False, ("n",), ("integer",), (), (), None, None, None, 1, "", 0, 0, "")
    >>> entity_of(["n=7"], {"v": view})
    {'n': 7}
    """
    kinds = {name: kind for one in about.values() for name, kind in zip(one.entity, one.key_kinds, strict=True)}
    entity: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in kinds:
            raise BadInput(
                f"{visible(pair, longest=80)!r} is not KEY=VALUE with a key of "
                f"{', '.join(visible(kind) for kind in sorted(kinds))}",
                next_step=f"trainmaster features get --entity {visible(min(kinds))}=VALUE",
            )
        entity[name] = parsed_key(value, kinds[name])
    return entity


__all__ = ["EntityRow", "ModelRows", "OnlineReader", "entity_of", "open_online"]
