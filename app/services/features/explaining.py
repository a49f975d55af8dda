"""`features explain`: what one entity's features were at a moment, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.errors import BadInput, NotFound
from app.domain.text import visible
from app.services.features.comparing import project_id_of
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    from app.features.explaining import Explained


@dataclass(frozen=True)
class Explanation:
    """The features of one entity at one moment, of one published version."""

    version: int
    entity: Mapping[str, str]
    at: datetime | None
    features: "tuple[Explained, ...]"


def explain(
    store: Store,
    project: OpenProject,
    entity: Mapping[str, str],
    *,
    at: datetime | None = None,
    version: int | None = None,
) -> Explanation:
    """Each feature of an entity with value, event time, created time and age, as the point-in-time join sees it.

    `entity` names a row of the spine (then `at` is its event time unless given), or the keys of some views (then `at`
    is needed, and those views answer). Raises NotFound for an unknown row or version.
    """
    from app.features import explaining, join

    info = _version(store, project, version)
    spine_name = next(name for name, record in info.views.items() if record.get("is_spine"))
    folder = folder_of(project)
    labels = join.Labels.of_record(info.views[spine_name])
    tables = [join.Pinned.of_record(name, folder, record) for name, record in info.views.items() if name != spine_name]
    spine = join.spine_rows(join.Pinned.of_record(spine_name, folder, info.views[spine_name]), labels, None).frame
    known = {key: text for key, text in entity.items() if key in spine.columns}
    if unknown := set(entity) - set(known):
        raise BadInput(
            f"{visible(min(unknown))!r} is no key; keys are {', '.join(_keys(info))}", next_step="correct --entity"
        )
    row = spine
    for key, text in known.items():
        row = row[row[key].astype("str") == text]
    if set(labels.entity) <= set(known):
        if row.empty:
            raise NotFound(
                f"v{info.version} has no row with {', '.join(f'{key}={visible(text)}' for key, text in known.items())}",
                next_step="trainmaster features ls",
            )
        row = row.tail(1).reset_index(drop=True)
        if at is not None and labels.event_time is not None:
            row[labels.event_time] = explaining.one_row({}, labels, at, spine)[labels.event_time]
    elif at is None:
        raise BadInput("these keys name no single row: say at which moment", next_step="add --at 2013-03-01T12:00:00Z")
    else:
        row = explaining.one_row(known, labels, at, spine)
    moment = row[labels.event_time].iloc[0].to_pydatetime() if labels.event_time is not None else None
    return Explanation(info.version, entity, moment, tuple(explaining.explain(row, tables, labels)))


def _version(store: Store, project: OpenProject, version: int | None) -> FeatureSetInfo:
    sets = feature_sets(store, project_id_of(store, project.name))
    chosen = sets[:1] if version is None else [info for info in sets if info.version == version]
    if not chosen:
        which = "no features were built yet" if version is None else f"there is no version {version} of the features"
        raise NotFound(which, next_step="trainmaster features ls")
    return chosen[0]


def _keys(info: FeatureSetInfo) -> list[str]:
    found: dict[str, None] = {}
    for record in info.views.values():
        entity = record["entity"]
        assert isinstance(entity, list)
        found.update(dict.fromkeys(map(str, entity)))
    return list(found)
