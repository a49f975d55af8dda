"""Profiles: the artifact of a snapshot, and a fresh one over all rows that a source holds now."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import NotFound, Refused
from app.domain.states import QuarantineState
from app.domain.text import visible
from app.services.data.labels import target_of
from app.services.data.reading import declared_source, newest_snapshots, snapshot_bytes
from app.services.workspaces import OpenProject
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Project, QuarantinedRow, Snapshot

if TYPE_CHECKING:
    from app.data.contract import Checked
    from app.data.snapshots import Packed


@dataclass(frozen=True)
class Profiled:
    """A profile as JSON, of a snapshot (then with its digest) or of all that a source holds now."""

    source: str
    snapshot: str | None
    digest: str | None
    document: dict[str, object]

    def require_labels(self) -> None:
        """Raise Refused when the rows are to hold the target's values and none of them does."""
        target = self.document.get("target")
        if not isinstance(target, dict) or target.get("labelled") != 0 or not target.get("rows"):
            return
        raise Refused(
            f"no row has a value of the target {visible(target.get('name'))} "
            f"({visible(target.get('says'), longest=200)})",
            where=f"source {self.source}",
            next_step="deliver labelled rows, or correct [problem] target in project.toml",
        )


def batch_profile(project: OpenProject, source: str, checked: "Checked", packed: "Packed") -> bytes:
    """The profile of one checked batch as JSON: its accepted rows, and leakage hints over all delivered rows."""
    import numpy as np

    from app.data.profile import profile

    accepted = np.ones(len(checked.whole), dtype=bool)
    accepted[[bad.row for bad in checked.rejected]] = False
    found = profile(
        packed.table,
        declared_source(project, source).columns,
        target=target_of(project, source, checked.whole),
        whole=checked.whole,
        accepted=accepted,
        quarantined=dict(sorted(Counter(bad.rule for bad in checked.rejected).items())),
    )
    return found.as_json()


def profile_after_release(
    store: Store, project: OpenProject, root: Snapshot, current: Snapshot, packed: "Packed", released: set[int]
) -> bytes:
    """The profile of a snapshot with released rows; hints that need the rows still outside are kept from before."""
    from app.data.profile import profile

    with store.read() as session:
        rules = session.execute(
            select(col(QuarantinedRow.rule), col(QuarantinedRow.id)).where(
                col(QuarantinedRow.snapshot_id) == root.id,
                col(QuarantinedRow.state) != QuarantineState.RELEASED,
            )
        ).all()
        before = json.loads(artifacts.get(session, current.profile)) if current.profile else {}
    frame = packed.table.to_pandas()
    out = Counter(str(rule) for rule, row_id in rules if row_id not in released)
    found = profile(
        packed.table,
        declared_source(project, root.source).columns,
        target=target_of(project, root.source, frame),
        quarantined=dict(sorted(out.items())),
    )
    document = json.loads(found.as_json())
    known = {hint["column"] for hint in document["hints"]}
    kept = [hint for hint in before.get("hints", []) if hint["kind"] == "together" and hint["column"] not in known]
    document["hints"] += kept
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()


def profile_of(store: Store, project: OpenProject, name: str) -> Profiled:
    """The profile of a snapshot (by its key, or the beginning of it), or of the rows that a source holds now.

    Raises NotFound for a name that is neither.
    """
    if name in project.file.sources:
        return _of_source(store, project, name)
    snapshot = snapshot_named(store, project, name)
    if snapshot.profile is None:
        raise NotFound(f"snapshot {snapshot.key} has no profile", next_step="trainmaster data snapshots")
    with store.read() as session:
        document = json.loads(artifacts.get(session, snapshot.profile))
    return Profiled(snapshot.source, snapshot.key, snapshot.profile, document)


def snapshot_named(store: Store, project: OpenProject, name: str) -> Snapshot:
    """The snapshot whose key begins so; raises NotFound when there is none, or more than one."""
    query = (
        select(Snapshot)
        .join(Project, col(Project.id) == col(Snapshot.project_id))
        .where(col(Project.name) == project.name, col(Snapshot.key) >= name, col(Snapshot.key) < name + "~")
        .limit(2)
    )
    with store.read() as session:
        found: list[Snapshot] = list(session.execute(query).scalars())
    if len(found) != 1 or not name:
        what = (
            f"more than one snapshot begins with {visible(name)!r}"
            if found
            else f"there is no snapshot {visible(name)!r}"
        )
        raise NotFound(what, next_step=f"trainmaster data snapshots --project {project.name}")
    return found[0]


def _of_source(store: Store, project: OpenProject, source: str) -> Profiled:
    import pyarrow as pa

    from app.data.profile import profile
    from app.data.snapshots import unpack

    with store.read() as session:
        project_id = session.execute(
            select(col(Project.id)).where(col(Project.name) == project.name)
        ).scalar_one_or_none()
    infos = newest_snapshots(store, project_id, [source]) if project_id is not None else []
    if not infos:
        raise NotFound(
            f"source {source} has no snapshot yet",
            next_step=f"trainmaster data ingest {source} --project {project.name}",
        )
    frame = unpack([snapshot_bytes(store, info) for info in infos], [info.path for info in infos], source=source)
    found = profile(
        pa.Table.from_pandas(frame, preserve_index=False),
        declared_source(project, source).columns,
        target=target_of(project, source, frame),
    )
    document = json.loads(found.as_json())
    with store.read() as session:
        kept = session.execute(
            select(col(Snapshot.profile)).where(col(Snapshot.key).in_([info.key for info in infos]))
        ).scalars()
        parts = [json.loads(artifacts.get(session, digest)) for digest in kept if digest is not None]
    return Profiled(source, None, None, _with_parts(document, parts))


def _with_parts(document: dict[str, object], parts: list[dict[str, Any]]) -> dict[str, object]:
    """What only the delivered rows tell, taken from the profiles of the snapshots: books, labels, hints by absence."""
    if not parts or not all("target" in part for part in parts):
        return document
    whole: dict[str, Any] = dict(document)
    whole["rows_in"] = sum(part["rows_in"] for part in parts)
    out: Counter[str] = Counter()
    for part in parts:
        out.update(part["quarantined"])
    whole["quarantined"] = dict(sorted(out.items()))
    if all(part["target"]["labelled"] is not None for part in parts):
        labelled = sum(part["target"]["labelled"] for part in parts)
        rows = sum(part["target"]["rows"] for part in parts)
        whole["target"] = {**whole["target"], "labelled": labelled, "rows": rows}
    known = {hint["column"] for hint in whole["hints"]}
    for part in parts:
        fresh = [hint for hint in part["hints"] if hint["kind"] == "together" and hint["column"] not in known]
        known |= {hint["column"] for hint in fresh}
        whole["hints"] = [*whole["hints"], *fresh]
    return whole
