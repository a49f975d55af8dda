"""Requests by entity: their rows from the online store, and what is done about stale or missing features."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput, NotFound
from app.domain.project.freshness import Freshness
from app.domain.workspace import Workspace
from app.features.online import EXPIRED
from app.gateway.models import Served
from app.gateway.protocols import Asked
from app.gateway.records import MAX_TEXT, Malformed, shown_name
from app.services.workspaces import open_project

if TYPE_CHECKING:
    from app.services.features.online import ModelRows, OnlineReader

INLINE_ENTITIES = 16
MAX_ENTITIES = 1_000
LARGEST_KEY = 2**63 - 1
SECONDS_PER_HOUR = 3_600.0


@dataclass(frozen=True)
class _Rules:
    """The declared rules of a project, and the file that they were read from."""

    stamp: tuple[int, int]
    freshness: Freshness


class Entities:
    """Looks entities up for the gateway; a few in the event loop (an SQLite read of 0.1 ms), many in a thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._reader: OnlineReader | None = None
        self._keys: dict[str, frozenset[str]] = {}
        self._rules: dict[str, _Rules] = {}

    async def joined(self, asked: Asked, served: Served) -> Asked:
        """The request with the records of its entities, and what its answer says of them; raises Malformed."""
        if len(asked.entities) > MAX_ENTITIES:
            raise Malformed(413, f"at most {MAX_ENTITIES:,} entities a request", field="entities")
        if len(asked.entities) <= INLINE_ENTITIES and self._reads_a_file():
            return self._looked_up(asked, served)
        return await asyncio.to_thread(self._looked_up, asked, served)

    def joined_at_once(self, asked: Asked, served: Served) -> Asked | None:
        """The same for a few entities of a file, without waiting; None for all else. Raises Malformed."""
        if not 0 < len(asked.entities) <= INLINE_ENTITIES or not self._reads_a_file():
            return None
        return self._looked_up(asked, served)

    @staticmethod
    def warm() -> None:
        """Load what entities need while nobody asks; a gateway that is asked by record starts without it."""
        import app.services.features.online  # noqa: F401

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _reads_a_file(self) -> bool:
        return self._reader is not None and self._reader.is_local

    def _looked_up(self, asked: Asked, served: Served) -> Asked:
        project = served.deployment.project
        try:
            reader = self._opened()
            self._check_keys(reader, project, asked.entities)
            found = reader.features_for(project, asked.entities, served.model.signature)
        except NotFound as error:
            raise Malformed(503, f"{error.message}; next: {error.next_step}") from None
        except BadInput as error:
            says = "is no key that the online store can look up"
            raise Malformed(422, says, field=shown_name(error.where or "entity")) from None
        records = found.records()
        rules = self._rules_of(project)
        rows = [_judged(found, at, records[at], rules, served) for at in range(len(records))]
        return replace(asked, records=records, says={"features": {"version": found.version, "rows": rows}})

    def _opened(self) -> "OnlineReader":
        from app.services.features.online import OnlineReader

        with self._lock:
            if self._reader is None:
                self._reader = OnlineReader.of(self._workspace)
            return self._reader

    def _check_keys(self, reader: "OnlineReader", project: str, entities: Sequence[Mapping[str, Any]]) -> None:
        known = self._keys.get(project, frozenset())
        for at, entity in enumerate(entities):
            if not entity.keys() <= known:
                known = frozenset(key for view in reader.views(project).values() for key in view.entity)
                self._keys[project] = known
            for name, value in entity.items():
                if name not in known:
                    listed = ", ".join(sorted(known))
                    raise Malformed(422, f"no key of this project ({listed})", field=shown_name(name), record=at)
                _check_key(value, name, at)

    def _rules_of(self, project: str) -> Freshness:
        """The rules as project.toml declares them now; those that were read last when it cannot be read."""
        known = self._rules.get(project)
        try:
            status = self._workspace.project_file(project).stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if known is None or known.stamp != stamp:
                known = _Rules(stamp, open_project(self._workspace, project).file.serving.features)
                self._rules[project] = known
        except (OSError, BadInput, NotFound):
            return known.freshness if known is not None else Freshness()
        return known.freshness


def _check_key(value: Any, name: str, at: int) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Malformed(422, "a key must be a text or a number", field=name, record=at)
    if isinstance(value, int) and abs(value) > LARGEST_KEY:
        raise Malformed(422, "the number is too large for a key", field=name, record=at)
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise Malformed(422, f"may have at most {MAX_TEXT:,} characters", field=name, record=at)


def _judged(found: "ModelRows", at: int, record: dict[str, Any], rules: Freshness, served: Served) -> dict[str, object]:
    """What an answer says of one entity's features, after the rules had their way with its record."""
    if not found.knows(at):
        raise Malformed(404, "nothing is known of this entity: the online store has no row for it", record=at)
    ages = found.ages_s(at)
    absent = found.absent[at]
    expired = {
        view
        for view, said in zip(found.views, found.seen[at], strict=True)
        if said is not None and said.state == EXPIRED
    }
    stale = sorted(expired | {view for view in found.views if _is_old(view, ages[view], found, rules)})
    missing = sorted(view for view in absent if view not in expired)
    if (stale or missing) and rules.stale == "refuse":
        what = f"view {stale[0]} is stale" if stale else f"view {missing[0]} has no row"
        raise Malformed(409, f"{what} for this entity, and [serving.features] stale = 'refuse'", record=at)
    filled = []
    if rules.stale == "default" and (stale or missing):
        for feature in served.model.signature.features:
            if feature.view in (*stale, *missing) and feature.name in rules.defaults:
                record[feature.name] = rules.defaults[feature.name]
                filled.append(feature.name)
    said: dict[str, object] = {"ages_s": {view: age for view, age in ages.items() if age is not None}}
    if stale or missing:
        said |= {"stale": stale, "missing": missing, "defaulted": filled}
    return said


def _is_old(view: str, age_s: float | None, found: "ModelRows", rules: Freshness) -> bool:
    limit = rules.maximum_age_hours.get(view)
    return limit is not None and age_s is not None and view not in found.histories and age_s > limit * SECONDS_PER_HOUR


__all__ = ["Entities"]
