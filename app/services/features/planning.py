"""What a build has to compute: every table by the digest of its inputs, divided ones part by part."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.errors import BadInput, NotFound
from app.domain.project import canonical_json
from app.services import data
from app.services.data import SnapshotInfo
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.features.sources import load_rules
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    from app.data.shapes import Shape
    from app.features.rules import Rules

FORMAT = 2
"""Part of every digest: raise it when the same rules and snapshots would give other features."""
DIVIDED = "-by-snapshot"
"""Ends the folder of a table that is divided by snapshot; no function's name can hold a dash."""

NEVER_BUILT, RULES_CHANGED = "never built", "its rules changed"

Record = Mapping[str, object]


@dataclass(frozen=True)
class Part:
    """The rows of a divided table that come from one snapshot; the name is a digest of all that decides them."""

    name: str
    snapshot: SnapshotInfo
    is_new: bool


@dataclass(frozen=True)
class TablePlan:
    """One table: taken from an older version, or computed whole, or part by part."""

    function: str
    folder: str
    digest: str
    older: Record | None
    parts: tuple[Part, ...]
    source: str | None
    shape: "Shape | None"
    why: str

    @property
    def is_divided(self) -> bool:
        """Whether it is computed snapshot by snapshot."""
        return self.source is not None

    @property
    def has_new_rules(self) -> bool:
        """Whether it is computed by code that the newest version was not computed by."""
        return self.older is None and self.why in (NEVER_BUILT, RULES_CHANGED)

    @property
    def says(self) -> str:
        """What a build would do with it."""
        if self.older is not None:
            return "unchanged"
        if not self.is_divided:
            return f"computed whole: {self.why}"
        new = [part.snapshot.path.rsplit("/", 1)[-1] for part in self.parts if part.is_new]
        shown = ", ".join(new[:3]) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
        return f"{len(new)} of {len(self.parts)} parts computed ({shown or 'some are gone'}): {self.why}"


@dataclass(frozen=True)
class Plan:
    """A whole build: its digest, its tables by function, the snapshots that they read, the rules."""

    digest: str
    rules_digest: str
    tables: Mapping[str, TablePlan]
    snapshots: tuple[SnapshotInfo, ...]
    rules: "Rules"


def plan(store: Store, project: OpenProject, project_id: int) -> Plan:
    """Look at rules and newest snapshots, and say what is there already.

    Raises NotFound when a source has no snapshot yet, BadInput for rules that do not fit together.
    """
    file = project.file
    sources = list(file.sources)
    rules = load_rules(project)
    functions = wanted_functions(project)
    needed = {name for each in functions for name in rules.sources_of(each, sources)}
    found = data.newest_snapshots(store, project_id, sources)
    if missing := needed - {snapshot.source for snapshot in found}:
        raise NotFound(
            f"source {min(missing)} has no snapshot yet", next_step=f"trainmaster data ingest --project {project.name}"
        )
    snapshots = tuple(snapshot for snapshot in found if snapshot.source in needed)
    older = _older(store, project, project_id)
    newest = _newest(store, project_id)
    shapes: dict[str, Shape] = {}
    tables = {}
    for name, declared in functions.items():
        read = rules.sources_of(name, sources)
        own = rules.digest_of([name], sources)
        content = [FORMAT, name, own, declared, [[s.source, s.digest] for s in snapshots if s.source in read]]
        digest = _sha(content)
        kept = older.get(digest)
        divided = _divided(project, name, read)
        parts: tuple[Part, ...] = ()
        shape = None
        if divided is not None and kept is None:
            if divided not in shapes:
                shapes[divided] = _shape(store, snapshots, divided)
            shape = shapes[divided]
            parts = _parts(project, name, [FORMAT, name, own, declared, shape.as_text()], snapshots, divided)
        tables[name] = TablePlan(
            name,
            name + (DIVIDED if divided else ""),
            digest,
            kept,
            parts,
            divided,
            shape,
            _why(newest.get(name), own),
        )
    windows = {name: view.model_dump(mode="json") for name, view in file.views.items() if view.history is not None}
    digest = _sha([FORMAT, {name: table.digest for name, table in tables.items()}, _without_words(windows)])
    return Plan(digest, rules.digest_of(list(functions), sources), tables, snapshots, rules)


def wanted_functions(project: OpenProject) -> dict[str, object]:
    """The functions that become tables (spine, views, facts of histories), with what is declared about each."""
    file = project.file
    problem = file.problem
    found: dict[str, object] = {
        file.spine.function: [problem.target, problem.entity, problem.event_time, problem.label_time, file.spine.by]
    }
    for name, view in file.views.items():
        if view.history is None:
            found[name] = _without_words({name: view.model_dump(mode="json")})[name]
        elif view.history not in found:
            found[view.history] = ["facts", view.by]
    return found


def _without_words(views: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Views without what describes them to people."""
    return {
        name: {key: value for key, value in view.items() if key not in ("description", "owner", "tags")}
        for name, view in views.items()
    }


def _divided(project: OpenProject, function: str, read: Sequence[str]) -> str | None:
    """The source by whose snapshots a table is divided, or None; raises BadInput when it reads more than one."""
    file = project.file
    asked = [view.by for name, view in file.views.items() if function in (name, view.history)]
    if function == file.spine.function:
        asked.append(file.spine.by)
    if not any(asked):
        return None
    if len(read) != 1:
        raise BadInput(
            f"the function {function!r} reads {len(read)} sources ({', '.join(read)}), so its rows cannot be computed "
            "one snapshot at a time",
            where=f"projects/{project.name}/project.toml",
            next_step=f"take by = 'snapshot' away from {function}",
        )
    return read[0]


def _parts(
    project: OpenProject, function: str, content: Sequence[object], snapshots: Sequence[SnapshotInfo], source: str
) -> tuple[Part, ...]:
    from app.features import offline

    present = offline.parts_now(folder_of(project) / (function + DIVIDED))
    named = [(_sha([*content, s.digest])[:16], s) for s in snapshots if s.source == source]
    return tuple(Part(name, snapshot, name not in present) for name, snapshot in named)


def _shape(store: Store, snapshots: Sequence[SnapshotInfo], source: str) -> "Shape":
    from app.data.shapes import shape_of, whole_shape

    return whole_shape([shape_of(data.snapshot_bytes(store, one)) for one in snapshots if one.source == source])


def _older(store: Store, project: OpenProject, project_id: int) -> dict[str, Record]:
    """The tables of all published versions whose files are there, by digest."""
    found: dict[str, Record] = {}
    for info in reversed(feature_sets(store, project_id)):
        lost = lost_tables(project, info)
        for name, record in info.views.items():
            if name not in lost:
                found[str(record.get("table_digest", record["digest"]))] = record
    return found


def lost_tables(project: OpenProject, info: FeatureSetInfo) -> set[str]:
    """The tables of a version whose files are not there any more."""
    from app.features import offline

    return {
        name
        for name, record in info.views.items()
        if not offline.has(folder_of(project) / str(record["table"]), int(str(record["version"])))
    }


def _newest(store: Store, project_id: int) -> dict[str, Record]:
    """The tables of the newest version, by function."""
    sets = feature_sets(store, project_id)
    return {str(record.get("history") or name): record for name, record in sets[0].views.items()} if sets else {}


def _why(before: Record | None, rules: str) -> str:
    if before is None:
        return NEVER_BUILT
    if before.get("rules") != rules:
        return RULES_CHANGED
    return "its snapshots or its declaration changed"


def again(digest: str, version: int) -> str:
    """The digest of a version that has the plan of an older one: no two versions of a project share theirs.

    >>> is_of(again("f" * 64, 3), 3, "f" * 64), is_of(again("f" * 64, 3), 4, "f" * 64)
    (True, False)
    """
    return _sha([digest, "again as", version])


def is_of(digest: str, version: int, planned: str) -> bool:
    """Whether a version with this digest has the planned rules and snapshots."""
    return digest in (planned, again(planned, version))


def _sha(content: object) -> str:
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()
