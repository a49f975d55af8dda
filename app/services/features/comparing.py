"""Before and after: what a build would change, and what changed between two published versions."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import NotFound
from app.services.features.checking import check
from app.services.features.computing import Computed, compute
from app.services.features.planning import Record, TablePlan, is_of, plan
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.features.sources import code_of
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import FeatureCode, Project

if TYPE_CHECKING:
    import pyarrow as pa

    from app.features.difference import ColumnChange, Difference


@dataclass(frozen=True)
class TableChange:
    """What a build would do with one table, or what became of it between two versions."""

    table: str
    action: str
    rows_before: int
    rows_after: int
    rows_added: int
    rows_removed: int
    columns: "tuple[ColumnChange, ...]"


@dataclass(frozen=True)
class Change:
    """All tables that changed, and the change of the feature code as a unified diff."""

    before: int | None
    after: int | None
    tables: tuple[TableChange, ...]
    code: str

    @property
    def says(self) -> str:
        """One line for people."""
        changed = [one.table for one in self.tables if one.action != "unchanged"]
        if not changed and not self.code:
            return "nothing changed"
        if self.after is None:
            return f"a build would write {len(changed)} of {len(self.tables)} tables; nothing was published"
        return f"{len(changed)} of {len(self.tables)} tables differ between v{self.before} and v{self.after}"


def preview(store: Store, project: OpenProject) -> Change:
    """Compute what a build would, publish nothing, and compare it with the newest version.

    Raises what a build would raise: BadInput for feature code that fails, NotFound before the first ingest.
    """
    project_id = project_id_of(store, project.name)
    planned = plan(store, project, project_id)
    sets = feature_sets(store, project_id)
    newest = sets[0] if sets else None
    if newest is not None and is_of(newest.digest, newest.version, planned.digest):
        tables = [TableChange(name, "unchanged", rows, rows, 0, 0, ()) for name, rows in _rows(newest).items()]
        return Change(newest.version, None, tuple(tables), "")
    computed = compute(store, project, planned, lambda _: None)
    check(project, planned, computed)
    before = {str(r.get("history") or n): r for n, r in newest.views.items()} if newest else {}
    changes = tuple(_would(project, table, computed, before.get(name)) for name, table in planned.tables.items())
    code = _code_change(code_at(store, newest), code_of(project)) if newest is not None else ""
    return Change(newest.version if newest else None, None, changes, code)


def diff(store: Store, project: OpenProject, before: int, after: int) -> Change:
    """What changed from one published version to another; raises NotFound, Damaged for files that are gone."""
    sets = {info.version: info for info in feature_sets(store, project_id_of(store, project.name))}
    for version in (before, after):
        if version not in sets:
            raise NotFound(f"there is no version {version} of the features", next_step="trainmaster features ls")
    one, other = sets[before], sets[after]
    found = []
    left, right = (
        {str(record.get("history") or name): record for name, record in info.views.items()} for info in (one, other)
    )
    for name in dict.fromkeys([*left, *right]):
        old, new = left.get(name), right.get(name)
        if old is not None and new is not None and old["digest"] == new["digest"]:
            rows = int(str(new["rows"]))
            found.append(TableChange(name, "unchanged", rows, rows, 0, 0, ()))
            continue
        action = "added" if old is None else "removed" if new is None else "changed"
        found.append(_change(name, action, _stored(project, old), _stored(project, new), new or old or {}))
    return Change(before, after, tuple(found), _code_change(code_at(store, one), code_at(store, other)))


def project_id_of(store: Store, name: str) -> int:
    """The row of a project; raises NotFound before its first run."""
    with store.read() as session:
        found = session.execute(select(col(Project.id)).where(col(Project.name) == name)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"project {name} has not run yet", next_step=f"trainmaster data ingest --project {name}")
    return int(found)


def code_at(store: Store, info: FeatureSetInfo | None) -> dict[str, str]:
    """The feature code of a published version by file name; empty for one that kept none."""
    if info is None:
        return {}
    with store.read() as session:
        row = session.get(FeatureCode, info.id)
        if row is None:
            return {}
        kept: dict[str, str] = json.loads(artifacts.get(session, row.artifact))
        return kept


def _rows(info: FeatureSetInfo) -> dict[str, int]:
    return {str(record.get("history") or name): int(str(record["rows"])) for name, record in info.views.items()}


def _would(project: OpenProject, table: TablePlan, computed: Computed, before: Record | None) -> TableChange:
    from app.features import offline

    if table.older is not None:
        rows = int(str(table.older["rows"]))
        return TableChange(table.function, table.says, rows, rows, 0, 0, ())
    new = computed.new_rows(table.function)
    pieces = [offline.named(offline.storable(new))] if new is not None else []
    kept = [part.name for part in table.parts if not part.is_new]
    if kept:
        folder = folder_of(project) / table.folder
        pieces.append(offline.read(folder, offline.newest_version(folder), parts=kept))
    declared: Record = next(
        (view.model_dump() for name, view in project.file.views.items() if table.function in (name, view.history)),
        {"entity": list(project.file.problem.entity), "event_time": project.file.problem.event_time},
    )
    return _change(table.function, table.says, _stored(project, before), offline.joined(pieces), declared)


def _change(name: str, action: str, before: "pa.Table", after: "pa.Table", record: Record) -> TableChange:
    from app.features.difference import compare

    entity = record.get("entity") or ()
    assert isinstance(entity, list | tuple)
    times = [str(record[key]) for key in ("event_time", "created_time") if record.get(key)]
    found: Difference = compare(before, after, [*map(str, entity), *times])
    return TableChange(
        name, action, found.rows_before, found.rows_after, found.rows_added, found.rows_removed, found.columns
    )


def _stored(project: OpenProject, record: Record | None) -> "pa.Table":
    import pyarrow as pa

    from app.features import offline

    if record is None:
        return pa.table({})
    return offline.read(folder_of(project) / str(record["table"]), int(str(record["version"])))


def _code_change(before: dict[str, str], after: dict[str, str]) -> str:
    found: list[str] = []
    for name in sorted({*before, *after}):
        found += difflib.unified_diff(_lines(before, name), _lines(after, name), f"before/{name}", f"after/{name}")
    return "".join(found)


def _lines(texts: dict[str, str], name: str) -> Sequence[str]:
    return texts.get(name, "").splitlines(keepends=True)
