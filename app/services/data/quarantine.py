"""Quarantine: look at a row that was turned away, repair it, release it into a new snapshot, or reject it for good."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused, Usage
from app.domain.ids import Ref, new_key
from app.domain.states import UNREADABLE, QuarantineState
from app.domain.text import visible
from app.services.data.reading import declared_source, newest_snapshots
from app.services.data.results import PARQUET
from app.services.workspaces import OpenProject, now
from app.store import artifacts, audit, lineage
from app.store.engine import Store
from app.store.queries.data import QuarantineRow, quarantined_rows
from app.store.queries.privacy import MASK, masked
from app.store.tables import Project, QuarantinedRow, Snapshot

if TYPE_CHECKING:
    from app.data.snapshots import Packed

LIST = "trainmaster data quarantine ls"


@dataclass(frozen=True)
class RowRepaired:
    """A row whose values a person set; `still_broken` says what is wrong with it by itself, nothing when it is good.

    Private values among `values` are hidden.
    """

    id: int
    values: dict[str, object]
    still_broken: str

    @property
    def says(self) -> str:
        """One line for people."""
        verdict = f"it still breaks the contract: {self.still_broken}" if self.still_broken else "it keeps the contract"
        return f"row {self.id} is repaired; {verdict}"


@dataclass(frozen=True)
class RowsReleased:
    """Rows that left quarantine, and the new snapshots that hold them; in = accepted + quarantined in each."""

    ids: tuple[int, ...]
    snapshots: tuple[str, ...]

    @property
    def says(self) -> str:
        """One line for people."""
        return f"{_rows(self.ids)} released into snapshot {', '.join(self.snapshots)}"


@dataclass(frozen=True)
class RowsRejected:
    """Rows that stay out for good."""

    ids: tuple[int, ...]

    @property
    def says(self) -> str:
        """One line for people."""
        return f"{_rows(self.ids)} stay{'s' * (len(self.ids) == 1)} out for good"


@dataclass(frozen=True)
class _Family:
    """A snapshot as it was ingested, the one that stands in its place now, and all of its rows in quarantine."""

    root: Snapshot
    current: Snapshot
    out: tuple[int, ...]
    rows: tuple[QuarantinedRow, ...]


def repair(
    store: Store, project: OpenProject, row_id: int, values: Mapping[str, str | None], *, by: str, reason: str = ""
) -> RowRepaired:
    """Set values of a row in quarantine (None: missing); the delivered ones are kept, and the row stays where it is.

    Raises NotFound for a row that is not there, Usage for a column that it does not have, Refused when it was decided.
    """
    from app.data import repairing

    with store.read() as session:
        (row,) = _open_rows(session, project, [row_id])
        snapshot = session.get_one(Snapshot, row.snapshot_id)
    delivered = json.loads(row.content)
    strange = [column for column in values if column not in delivered]
    if strange or not values:
        names = ", ".join(visible(name, longest=40) for name in delivered)
        wrong = f"the row has no column {visible(strange[0])!r}" if strange else "no value was given"
        raise Usage(wrong, next_step=f"choose from: {visible(names, longest=400)}")
    repairs = {**json.loads(row.repairs), **values}
    declared = declared_source(project, snapshot.source)
    whole = {**delivered, **repairs}
    found = repairing.values_of(row.rule, whole)
    broken = (
        found if isinstance(found, str) else repairing.broken_by(found, declared, name=snapshot.source, where=row.file)
    )
    private = {name for name, rule in declared.columns.items() if rule.is_private}
    hides_all = bool(private) and row.rule == UNREADABLE
    shown = {name: MASK if name in private or hides_all else value for name, value in values.items()}
    with store.write() as session:
        (kept,) = _open_rows(session, project, [row_id])
        kept.repairs = json.dumps(repairs)
        _record(session, project, "data.row_repaired", snapshot, by, reason, {"row": row_id, "values": shown})
    return RowRepaired(row_id, json.loads(masked(json.dumps(whole), frozenset(private), row.rule)), broken)


def reveal(store: Store, project: OpenProject, row_ids: Sequence[int], *, by: str, reason: str) -> list[QuarantineRow]:
    """Rows in quarantine with the values of private columns; who saw them, and why, is in the audit log.

    Raises Refused without a reason, NotFound for a row that is not in this project's quarantine.
    """
    if not reason.strip():
        raise Refused("private values are shown for a reason only", next_step="add --reason WHY")
    found = [row for one in row_ids for row in quarantined_rows(
        store.reader, project=project.name, after_id=one - 1, limit=1, reveal=True) if row.id == one]  # fmt: skip
    missing = set(row_ids) - {row.id for row in found}
    if missing or not found:
        raise NotFound(f"there is no row {min(missing, default=0)} in the quarantine of {project.name}", next_step=LIST)
    moment = now()
    with store.write(durable=True) as session:
        for source in sorted({row.source for row in found}):
            subject = str(Ref("source", f"{project.name}/{source}"))
            details = {"rows": [row.id for row in found if row.source == source]}
            audit.record(
                session, actor=by, action="data.rows_revealed", subject=subject, now=moment, reason=reason,
                details=details,
            )  # fmt: skip
    return found


def release(store: Store, project: OpenProject, row_ids: Sequence[int], *, by: str, reason: str = "") -> RowsReleased:
    """Take rows out of quarantine into new snapshots that stand in the place of theirs; all of them or none.

    Raises Refused when one still breaks the contract, was decided before, or comes from a file that was replaced since.
    """
    from app.data import repairing
    from app.data.snapshots import table_of
    from app.services.data.profiles import profile_after_release

    families = _families(store, project, row_ids)
    standing = {info.key for info in newest_snapshots(store, _project_id(store, project))}
    made = []
    for family in families:
        root, current = family.root, family.current
        if current.key not in standing:
            raise Refused(
                f"{visible(family.rows[0].file, longest=120)} was delivered again since; its rows were judged anew",
                next_step=f"{LIST} --source {root.source}",
            )
        declared = declared_source(project, root.source)
        candidates = [
            repairing.candidate(row.row_number, row.rule, {**json.loads(row.content), **json.loads(row.repairs)})
            for row in family.rows
        ]
        with store.read() as session:
            content = artifacts.get(session, current.artifact)
        packed = repairing.put_back(
            table_of(content), family.out, candidates, declared, name=root.source, where=family.rows[0].file
        )
        made.append((family, packed))
    wanted = set(row_ids)
    profiles = [
        profile_after_release(store, project, family.root, family.current, packed, wanted) for family, packed in made
    ]
    moment = now()
    keys = []
    with store.write() as session:
        rows = {row.id: row for row in _open_rows(session, project, row_ids)}
        for (family, packed), profile in zip(made, profiles, strict=True):
            if _current(session, family.root).id != family.current.id:
                raise Refused("somebody else released rows of the same file just now", next_step="try it again")
            fresh = _released_snapshot(session, family, packed, profile, moment)
            for row in family.rows:
                _decide(rows[row.id], QuarantineState.RELEASED, by, moment)
                rows[row.id].released_in = fresh.id
            keys.append(fresh.key)
            before, after = Ref("snapshot", family.current.key), Ref("snapshot", fresh.key)
            assert fresh.profile is not None
            edges = [(before, after, "released"), (after, Ref("profile", fresh.profile), "profiled")]
            lineage.link(session, edges, now=moment)
            details = {"rows": [row.id for row in family.rows], "snapshot": fresh.key, "before": family.current.key}
            _record(session, project, "data.rows_released", family.root, by, reason, details)
    return RowsReleased(tuple(sorted(row_ids)), tuple(keys))


def reject(store: Store, project: OpenProject, row_ids: Sequence[int], *, by: str, reason: str) -> RowsRejected:
    """Decide that rows stay out for good; they are kept, and still count as quarantined."""
    with store.write() as session:
        moment = now()
        by_snapshot: dict[int, list[int]] = defaultdict(list)
        for row in _open_rows(session, project, row_ids):
            _decide(row, QuarantineState.DISCARDED, by, moment)
            assert row.id is not None
            by_snapshot[row.snapshot_id].append(row.id)
        for snapshot_id, ids in by_snapshot.items():
            snapshot = session.get_one(Snapshot, snapshot_id)
            _record(session, project, "data.rows_rejected", snapshot, by, reason, {"rows": ids})
    return RowsRejected(tuple(sorted(row_ids)))


def open_rows_of_rule(store: Store, project: OpenProject, rule: str, *, source: str | None = None) -> list[int]:
    """The ids of all rows that wait because of one rule; raises NotFound when there is none."""
    query = (
        select(col(QuarantinedRow.id))
        .join(Snapshot, col(Snapshot.id) == col(QuarantinedRow.snapshot_id))
        .join(Project, col(Project.id) == col(Snapshot.project_id))
        .where(
            col(Project.name) == project.name,
            col(QuarantinedRow.rule) == rule,
            col(QuarantinedRow.state) == QuarantineState.OPEN,
        )
        .order_by(col(QuarantinedRow.id))
    )
    if source is not None:
        query = query.where(col(Snapshot.source) == source)
    with store.read() as session:
        found = [int(row) for row in session.execute(query).scalars() if row is not None]
    if not found:
        raise NotFound(f"no row waits because of {visible(rule)!r}", next_step="trainmaster data quarantine ls")
    return found


def _families(store: Store, project: OpenProject, row_ids: Sequence[int]) -> list[_Family]:
    with store.read() as session:
        by_root: dict[int, list[QuarantinedRow]] = defaultdict(list)
        for row in _open_rows(session, project, row_ids):
            by_root[row.snapshot_id].append(row)
        families = []
        for root_id, rows in by_root.items():
            root = session.get_one(Snapshot, root_id)
            out = session.execute(
                select(col(QuarantinedRow.row_number)).where(
                    col(QuarantinedRow.snapshot_id) == root_id,
                    col(QuarantinedRow.state) != QuarantineState.RELEASED,
                )
            ).scalars()
            families.append(_Family(root, _current(session, root), tuple(out), tuple(rows)))
        return families


def _open_rows(session: Session, project: OpenProject, row_ids: Sequence[int]) -> list[QuarantinedRow]:
    if not row_ids:
        raise Usage("no row was named", next_step=LIST)
    wanted = sorted(set(row_ids))
    found: list[QuarantinedRow] = []
    for start in range(0, len(wanted), 500):
        found += (
            session.execute(
                select(QuarantinedRow)
                .join(Snapshot, col(Snapshot.id) == col(QuarantinedRow.snapshot_id))
                .join(Project, col(Project.id) == col(Snapshot.project_id))
                .where(col(QuarantinedRow.id).in_(wanted[start : start + 500]), col(Project.name) == project.name)
                .order_by(col(QuarantinedRow.id))
            )
            .scalars()
            .all()
        )
    missing = set(wanted) - {row.id for row in found}
    if missing:
        raise NotFound(f"there is no row {min(missing)} in the quarantine of {project.name}", next_step=LIST)
    decided = next((row for row in found if row.state is not QuarantineState.OPEN), None)
    if decided is not None:
        raise Refused(f"row {decided.id} is {decided.state} already", next_step=LIST)
    return found


def _current(session: Session, root: Snapshot) -> Snapshot:
    newest = session.execute(select(func.max(col(Snapshot.id))).where(col(Snapshot.parent_id) == root.id)).scalar()
    return root if newest is None else session.get_one(Snapshot, newest)


def _released_snapshot(
    session: Session, family: _Family, packed: "Packed", profile: bytes, moment: datetime
) -> Snapshot:
    root, current = family.root, family.current
    content = artifacts.put(session, packed.content, kind="snapshot", media_type=PARQUET, now=moment)
    profiled = artifacts.put(session, profile, kind="profile", media_type="application/json", now=moment)
    fresh = Snapshot(
        key=new_key(),
        project_id=root.project_id,
        run_id=root.run_id,
        parent_id=root.id,
        source=root.source,
        digest=hashlib.sha256(f"{current.digest} {content}".encode()).hexdigest(),
        artifact=content,
        profile=profiled,
        rows_in=root.rows_in,
        rows=packed.rows,
        quarantined=root.rows_in - packed.rows,
        columns=json.dumps([{"name": name, "type": kind} for name, kind in packed.columns]),
        watermark=current.watermark,
        time_from=packed.time_from,
        time_to=packed.time_to,
        created_at=moment,
    )
    session.add(fresh)
    session.flush()
    return fresh


def _decide(row: QuarantinedRow, state: QuarantineState, by: str, moment: datetime) -> None:
    row.state, row.decided_by, row.decided_at = state, by, moment


def _record(
    session: Session,
    project: OpenProject,
    action: str,
    snapshot: Snapshot,
    by: str,
    reason: str,
    details: Mapping[str, object],
) -> None:
    subject = str(Ref("source", f"{project.name}/{snapshot.source}"))
    audit.record(session, actor=by, action=action, subject=subject, now=now(), reason=reason, details=details)


def _project_id(store: Store, project: OpenProject) -> int:
    with store.read() as session:
        found = session.execute(select(col(Project.id)).where(col(Project.name) == project.name)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"nothing was ingested into {project.name} yet", next_step="trainmaster data ingest")
    return int(found)


def _rows(ids: Sequence[int]) -> str:
    return f"row {ids[0]}" if len(ids) == 1 else f"{len(ids):,} rows"
