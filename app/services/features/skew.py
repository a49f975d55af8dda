"""Whether the online store says what the offline store says: online rows, computed again by the point-in-time join."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isclose, isnan
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from app.domain.errors import Damaged, NotFound
from app.domain.ids import Ref
from app.domain.project import canonical_json
from app.features.online import Key, OnlineRow, OnlineStore, OnlineView, Value, micros, moment_of
from app.services.features.online import open_online
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.running import TaskContext, register_project
from app.services.workspaces import OpenProject, actor, now
from app.store import artifacts, audit
from app.store.engine import Store
from app.store.tables import SkewCheck

if TYPE_CHECKING:
    import pandas as pd

    from app.features.join import Pinned

ENTITIES = 100
SHOWN = 1000
"""At most so many differences are kept in a report."""


@dataclass(frozen=True)
class Difference:
    """One value that the two stores give differently for an entity at a moment."""

    view: str
    key: Key
    at: str
    column: str
    online: Value
    offline: Value


@dataclass(frozen=True)
class Skew:
    """The result of a comparison; `values` were compared for `entities` entities of all views."""

    project: str
    version: int
    entities: int
    values: int
    differences: int
    examples: tuple[Difference, ...]
    report: str
    says: str


@dataclass(frozen=True)
class _Compared:
    info: FeatureSetInfo
    entities: int
    values: int
    found: tuple[Difference, ...]


def verify_skew(
    store: Store, project: OpenProject, *, entities: int = ENTITIES, seed: int = 7, by: str | None = None
) -> Skew:
    """Compare so many online entities a view with the offline store and keep the result; gives what differs.

    Each is asked for at two moments: when its online row became known, and when the rows were published; views
    over history also at moments after it. Raises
    NotFound when nothing is online, Damaged when the offline tables are lost.
    """
    project_id = register_project(store, project)
    compared = _compared(store, project, project_id, entities, seed)
    with store.write() as session:
        return _kept(session, project, project_id, compared, by or actor())


def check_skew(task: TaskContext) -> Skew:
    """The same as the stage of a flow (parameter `entities`)."""
    run = task.run
    wanted = run.parameters.get("entities")
    entities = wanted if isinstance(wanted, int) and not isinstance(wanted, bool) and wanted > 0 else ENTITIES
    compared = _compared(run.store, run.project, run.project_id, entities, 7)
    with run.store.write() as session:
        kept = _kept(session, run.project, run.project_id, compared, run.actor)
        task.complete(session, says=kept.says, inputs=[Ref("online", run.project.name)])
    return kept


def _compared(store: Store, project: OpenProject, project_id: int, entities: int, seed: int) -> _Compared:
    from app.features.join import Pinned

    online = open_online(project.workspace)
    try:
        views = {name: about for name, about in online.views(project.name).items() if not about.is_spine}
        if not views:
            raise NotFound(
                f"nothing of {project.name} is online yet",
                next_step=f"trainmaster features materialize --project {project.name}",
            )
        versions = {about.feature_set for about in views.values()}
        info = next((one for one in feature_sets(store, project_id) if one.version in versions), None)
        if info is None or len(versions) > 1:
            raise Damaged(
                f"online are rows of version {', '.join(map(str, sorted(versions)))}, which is not in the store",
                next_step=f"trainmaster features materialize --project {project.name}",
            )
        chance = random.Random(seed)  # noqa: S311 - a sample, no secret
        differences: list[Difference] = []
        count = values = 0
        for name, about in views.items():
            table = Pinned.of_record(name, folder_of(project), info.views[name])
            keys = _sampled(online, project.name, about, table, entities, chance)
            count += len(keys)
            for asked, offline in _asked(online, project.name, about, table, keys, chance):
                values += len(about.columns)
                differences += list(_differences(about, asked, offline))
        return _Compared(info, count, values, tuple(differences))
    finally:
        online.close()


@dataclass(frozen=True)
class _Asked:
    key: Key
    at_us: int
    row: OnlineRow | None


def _sampled(
    online: OnlineStore, project: str, about: OnlineView, table: "Pinned", entities: int, chance: random.Random
) -> list[Key]:
    """Keys of the offline table, and beside each the next one that is online, so that neither side can hide one."""
    from app.features import offline
    from app.features.newest import keys_of

    rows = offline.read(table.folder, table.version, table.entity)
    known = keys_of(rows, table.entity, about.key_kinds)
    if entities >= max(len(known), about.rows):
        everything = dict.fromkeys(known)
        page: list[Key] = online.keys(project, about.view)
        while page:
            everything.update(dict.fromkeys(page))
            page = online.keys(project, about.view, after=page[-1])
        return list(everything)
    chosen = dict.fromkeys(chance.sample(known, min((entities + 1) // 2, len(known))))
    for key in list(chosen):
        chosen.update(dict.fromkeys(online.keys(project, about.view, after=key, limit=1)))
    return list(chosen)[:entities]


def _asked(
    online: OnlineStore,
    project: str,
    about: OnlineView,
    table: "Pinned",
    keys: Sequence[Key],
    chance: random.Random,
) -> Iterator[tuple[_Asked, Mapping[str, Any]]]:
    published = micros(datetime.fromisoformat(about.known_until))
    _, rows = online.read(project, about.view, keys, published)
    asked = [_Asked(key, published, row) for key, row in zip(keys, rows, strict=True)]
    for at in _later(about, table, chance):
        _, later = online.read(project, about.view, keys, at)
        asked += [_Asked(key, at, row) for key, row in zip(keys, later, strict=True)]
    for key, row in zip(keys, rows, strict=True):
        if row is not None and row.event_us is not None and not about.is_history:
            known = max(row.event_us, row.created_us or row.event_us)
            _, (then,) = online.read(project, about.view, [key], known)
            asked.append(_Asked(key, known, then))
    offline = _offline(about, table, asked)
    yield from zip(asked, offline.to_dict("records"), strict=True)


def _later(about: OnlineView, table: "Pinned", chance: random.Random) -> list[int]:
    """Moments after the publish at which facts leave the windows of a view over history."""
    if not about.is_history:
        return []
    published = micros(datetime.fromisoformat(about.known_until))
    longest = max(int(one.window.total_seconds() * 1_000_000) for one in table.windows)
    return [published + chance.randrange(longest) for _ in range(3)] + [published + longest + 1]


def _offline(about: OnlineView, table: "Pinned", asked: Sequence[_Asked]) -> "pd.DataFrame":
    """The same entities at the same moments, by the join that makes training frames."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from app.features import join

    parts = [_parts(about, one.key) for one in asked]
    types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "time": pa.timestamp("us", tz="UTC")}
    columns: dict[str, Any] = {
        name: pa.array([part[at] for part in parts], type=types[kind])
        for at, (name, kind) in enumerate(zip(about.entity, about.key_kinds, strict=True))
    }
    moment = "moment of the read"
    columns[moment] = pa.array([one.at_us for one in asked], type=pa.timestamp("us", tz="UTC"))
    stored = pa.table(columns)
    labels = join.Labels(about.entity, moment, None, "")
    spine = join.Spine(stored.to_pandas(), np.arange(len(asked)), stored)
    frame, _ = join.with_features(spine, [table], labels)
    return pd.DataFrame({name: frame[name].astype(object) for name in about.columns})


def _parts(about: OnlineView, key: Key) -> list[Key]:
    return [key] if len(about.entity) == 1 else list(json.loads(str(key)))


def _differences(about: OnlineView, asked: _Asked, offline: Mapping[str, Any]) -> Iterator[Difference]:
    served = asked.row.values if asked.row is not None and asked.row.values else (None,) * len(about.columns)
    for name, mine in zip(about.columns, served, strict=True):
        theirs = _plain(offline[name])
        if not _same(mine, theirs):
            at = moment_of(asked.at_us)
            assert at is not None
            yield Difference(about.view, asked.key, at.isoformat(), name, mine, theirs)


def _plain(value: Any) -> Value:
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    return value if isinstance(value, str) else float(value)


def _same(mine: Value, theirs: Value) -> bool:
    """Whether two values are the same; sums over a window may differ in the last bits.

    >>> _same(None, None), _same(0.1 + 0.2, 0.3), _same("a", None)
    (True, True, False)
    """
    if isinstance(mine, int | float) and isinstance(theirs, int | float):
        return isclose(mine, theirs, rel_tol=1e-12, abs_tol=1e-12)
    return mine == theirs


def _kept(session: Session, project: OpenProject, project_id: int, compared: _Compared, by: str) -> Skew:
    moment, info = now(), compared.info
    count = len(compared.found)
    says = (
        f"{count:,} differences" if count != 1 else "1 difference"
    ) + f" in {compared.values:,} values of {compared.entities:,} entities of v{info.version}"
    document = {
        "project": project.name,
        "version": info.version,
        "entities": compared.entities,
        "values": compared.values,
        "differences": [asdict(one) for one in compared.found[:SHOWN]],
        "checked_at": moment.isoformat(),
    }
    content = canonical_json(document).encode()
    report = artifacts.put(session, content, kind="skew", media_type="application/json", now=moment)
    session.add(
        SkewCheck(
            project_id=project_id,
            feature_set_id=info.id,
            entities=compared.entities,
            compared=compared.values,
            differences=count,
            report=report,
            actor=by,
            created_at=moment,
        )
    )
    audit.record(
        session,
        actor=by,
        action="features.skew_checked",
        subject=str(Ref("features", f"{project.name}/v{info.version}")),
        now=moment,
        details={"entities": compared.entities, "values": compared.values, "differences": count, "report": report},
    )
    return Skew(
        project.name,
        info.version,
        compared.entities,
        compared.values,
        count,
        compared.found[:20],
        report,
        says,
    )


__all__ = ["Difference", "Skew", "check_skew", "verify_skew"]
