"""Whether what was computed can be joined: keys, times, names, and that a divided table has no key twice."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from app.domain.errors import BadInput
from app.domain.text import visible
from app.services.features.computing import Computed
from app.services.features.planning import Plan, TablePlan
from app.services.features.reading import folder_of
from app.services.workspaces import OpenProject

if TYPE_CHECKING:
    import pandas as pd

    from app.features.views import ViewColumn


def check(project: OpenProject, planned: Plan, computed: Computed) -> None:
    """Raise BadInput when a table cannot be used, before anything is published."""
    from app.features import views

    file = project.file
    frames = {name: computed.new_rows(name) for name in planned.tables}
    names: dict[str, Sequence[ViewColumn]] = {}
    spine = frames[file.spine.function]
    if spine is not None:
        views.check_spine(file.spine.function, spine, file.problem, file.views)
        times = [file.problem.event_time] if file.problem.event_time and file.problem.entity else []
        keys = [*file.problem.entity, *times]
        _no_key_twice(project, planned.tables[file.spine.function], keys, spine)
    for name, view in file.views.items():
        frame = frames[view.history or name]
        if view.history is not None:
            if frame is None:
                _held_columns(
                    project, planned.tables[view.history], name, [w.of for w in view.windows.values() if w.of]
                )
            else:
                views.check_facts(name, frame, view)
            names[name] = [views.ViewColumn(feature, "number") for feature in view.windows]
        elif frame is None:
            names[name] = _held(project, planned.tables[name], without=_beside(project, name))
        else:
            views.check_view(name, frame, view, file.problem)
            if view.event_time is None:
                _no_key_twice(project, planned.tables[name], view.entity, frame)
            names[name] = views.feature_columns(frame, view)
    spine_names = (
        [str(name) for name in spine.columns]
        if spine is not None
        else [column.name for column in _held(project, planned.tables[file.spine.function])]
    )
    views.check_names(spine_names, names)


def _no_key_twice(project: OpenProject, table: TablePlan, keys: Sequence[str], new: "pd.DataFrame") -> None:
    """Raise BadInput when a new part of a divided table holds a key that a kept part has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from app.features import near_parts, offline

    kept = [part.name for part in table.parts if not part.is_new]
    if not kept or not keys or len(new) == 0:
        return
    folder = folder_of(project) / table.folder
    version = offline.newest_version(folder)
    kinds = offline.schema_of(folder, version)
    values = pa.table({key: pa.array(new[key], from_pandas=True).cast(kinds.field(key).type) for key in keys})
    near = near_parts.near_parts(folder, version, kept, values)
    if not near:
        return
    stored = offline.read(folder, version, keys, parts=near)
    for key in keys:  # narrowed one key after the other: only rows that may still be equal stay
        wanted = values[key].unique()
        stored = stored.filter(pc.is_in(stored[key], value_set=wanted))
        if stored.num_rows == 0:
            return
    repeated = stored.to_pandas().merge(new[list(keys)].dropna(), on=list(keys))
    if len(repeated):
        example = ", ".join(visible(value, longest=40) for value in repeated.iloc[0])
        raise BadInput(
            f"{table.function!r} has {len(repeated):,} rows whose keys an earlier snapshot has, for example {example}",
            next_step="keep one row a key in features.py, or correct the files that overlap",
        )


def _held(project: OpenProject, table: TablePlan, *, without: Collection[str | None] = ()) -> "list[ViewColumn]":
    """The columns of a table that an older version has, or of a divided one whose parts all lie in the offline store.

    The latter is so when a part went away, and when the store was made anew beside features that were kept.
    """
    from app.features import offline, views

    folder = folder_of(project) / table.folder
    known = (
        views.held(table.older["held"])
        if table.older is not None
        else views.stored_columns(offline.schema_of(folder, offline.newest_version(folder)))
    )
    found = [one for one in known if one.name not in without]
    return [views.ViewColumn(one.name, "number" if one.kind == "number" else "category") for one in found]


def _held_columns(project: OpenProject, table: TablePlan, view: str, wanted: Sequence[str]) -> None:
    there = {column.name for column in _held(project, table)}
    for column in wanted:
        if column not in there:
            raise BadInput(
                f"the facts {table.function!r} of view {view!r} have no column {visible(column)!r}",
                next_step="correct the view's windows in project.toml",
            )


def _beside(project: OpenProject, view: str) -> set[str | None]:
    declared = project.file.views[view]
    return {*declared.entity, declared.event_time, declared.created_time}
