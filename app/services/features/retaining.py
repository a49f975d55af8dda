"""`features compact` and `features prune`: what a version that something refers to needs is never touched."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlmodel import Session, SQLModel, col

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref
from app.domain.states import RunState
from app.services.features.comparing import project_id_of
from app.services.features.reading import FeatureSetInfo, feature_sets, folder_of
from app.services.workspaces import OpenProject, now
from app.store import audit
from app.store.engine import Store
from app.store.tables import FeatureCode, FeatureSet, LineageEdge, OnlinePublish, Run, SkewCheck, Task

OWN = {"feature_code", "online_publish", "skew_check"}
"""Tables whose rows are a part of a feature set, or the history of what was done with it, and go with it."""
SERVANTS = ("describe", "materialize")
"""Tasks that read a version for its own sake: they keep none alive."""


@dataclass(frozen=True)
class Pruned:
    """Versions that went (or would go), those that stay and why, and the bytes on the disk."""

    removed: tuple[int, ...]
    kept: Mapping[int, str]
    files: int
    size_bytes: int
    is_dry_run: bool

    @property
    def says(self) -> str:
        """One line for people."""
        words = "would remove" if self.is_dry_run else "removed"
        versions = ", ".join(f"v{version}" for version in self.removed) or "no version"
        return f"{words} {versions}: {self.files:,} files, {self.size_bytes / 1e6:,.1f} MB"


@dataclass(frozen=True)
class Compacted:
    """How many files fewer each table has."""

    tables: Mapping[str, int]

    @property
    def says(self) -> str:
        """One line for people."""
        fewer = sum(self.tables.values())
        return f"{fewer:,} files fewer in {len(self.tables)} tables; every version reads as before"


def prune(
    store: Store,
    project: OpenProject,
    *,
    by: str,
    reason: str,
    version: int | None = None,
    keep: int = 3,
    dry_run: bool = False,
) -> Pruned:
    """Remove one version, or all but the newest `keep`, and the files that no version reads any more.

    A version that a model, a prediction, a training set or a run refers to stays; asking for such a one, or for the
    newest, is refused and says who refers to it. Rows go first, files after: a death in between leaves files that the
    next call removes.
    """
    project_id = project_id_of(store, project.name)
    sets = feature_sets(store, project_id)
    if version is not None and version not in {info.version for info in sets}:
        raise NotFound(f"there is no version {version} of the features", next_step="trainmaster features ls")
    with store.read() as session:
        kept = _kept(session, project, sets, keep if version is None else 1)
    if version is not None and version in kept:
        raise Refused(
            f"version {version} of the features stays: {kept[version]}",
            next_step="trainmaster features prune --dry-run",
        )
    going = [info for info in sets if info.version not in kept and version in (None, info.version)]
    if not dry_run:
        _require_no_build(store, project)
        going = _delete(store, project, going, by=by, reason=reason)
    gone = {info.version for info in going}
    files, size = _files(project, [info for info in sets if info.version not in gone], dry_run=dry_run)
    return Pruned(tuple(sorted(gone)), kept, files, size, dry_run)


def compact(store: Store, project: OpenProject, *, by: str) -> Compacted:
    """Merge the small files of every table; each version reads as before."""
    from app.features import offline, retention

    project_id_of(store, project.name)
    _require_no_build(store, project)
    folder = folder_of(project)
    tables = sorted(path for path in folder.iterdir() if offline.is_table(path)) if folder.is_dir() else []
    fewer = {table.name: retention.compact(table) for table in tables}
    with store.write() as session:
        audit.record(
            session,
            actor=by,
            action="features.compacted",
            subject=f"project:{project.name}",
            now=now(),
            details={"tables": fewer},
        )
    return Compacted(fewer)


def _kept(session: Session, project: OpenProject, sets: list[FeatureSetInfo], newest: int) -> dict[int, str]:
    """Each version that stays, with the reason."""
    found = {info.version: "it is among the newest" for info in sets[:newest]}
    online = _online(session, sets)
    for info in sets:
        reasons = [
            f"{count} row{'s' * (count > 1)} of {table.replace('_', ' ')}"
            for table, count in _references(session, info.id).items()
        ]
        ref = str(Ref("features", f"{project.name}/v{info.version}"))
        made = session.execute(
            select(func.count())
            .select_from(LineageEdge)
            .where(
                col(LineageEdge.from_kind) == "features",
                col(LineageEdge.from_key) == ref.partition(":")[2],
                col(LineageEdge.to_kind) != "online",
            )
        ).scalar_one()
        runs = session.execute(
            select(func.count(func.distinct(col(Task.run_id)))).where(
                col(Task.inputs).contains(f'"{ref}"'), col(Task.name).not_in(SERVANTS)
            )
        ).scalar_one()
        reasons += ["it is online"] * (info.id == online)
        reasons += [f"{made} edges of the lineage"] * bool(made) + [f"{runs} runs read it"] * bool(runs)
        if reasons:
            found[info.version] = "in use: " + ", ".join(reasons)
    return found


def _online(session: Session, sets: list[FeatureSetInfo]) -> int | None:
    """The one of these versions that was published online last, if that was the project's last publish."""
    of_project = select(col(FeatureSet.project_id)).where(col(FeatureSet.id).in_([info.id for info in sets]))
    query = (
        select(col(OnlinePublish.feature_set_id))
        .where(col(OnlinePublish.project_id).in_(of_project))
        .order_by(col(OnlinePublish.id).desc())
        .limit(1)
    )
    found: int | None = session.execute(query).scalar_one_or_none()
    return found


def _references(session: Session, feature_set_id: int) -> dict[str, int]:
    """How many rows of each table refer to a feature set, by its foreign keys."""
    found = {}
    for table in SQLModel.metadata.tables.values():
        for key in table.foreign_keys:
            if key.target_fullname == "feature_set.id" and table.name not in OWN:
                rows = select(func.count()).select_from(table).where(key.parent == feature_set_id)
                if count := session.execute(rows).scalar_one():
                    found[table.name] = int(count)
    return found


def _delete(
    store: Store, project: OpenProject, going: list[FeatureSetInfo], *, by: str, reason: str
) -> list[FeatureSetInfo]:
    """Delete the rows in one transaction, looking again who refers to them; gives those that went."""
    with store.write() as session:
        kept = _kept(session, project, going, 0)
        free = [info for info in going if info.version not in kept]
        for info in free:
            for history in (OnlinePublish, SkewCheck):
                session.execute(delete(history).where(col(history.feature_set_id) == info.id))
            session.execute(delete(FeatureCode).where(col(FeatureCode.feature_set_id) == info.id))
            session.execute(delete(FeatureSet).where(col(FeatureSet.id) == info.id))
        if free:
            versions = [info.version for info in free]
            audit.record(
                session,
                actor=by,
                action="features.pruned",
                subject=f"project:{project.name}",
                now=now(),
                details={"versions": versions, "reason": reason, "digests": [info.digest for info in free]},
            )
    return free


def _files(project: OpenProject, staying: list[FeatureSetInfo], *, dry_run: bool) -> tuple[int, int]:
    from app.features import retention

    folder = folder_of(project)
    versions: dict[str, set[int]] = {}
    for info in staying:
        for record in info.views.values():
            versions.setdefault(str(record["table"]), set()).add(int(str(record["version"])))
    tables = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    files, size = 0, 0
    for table in tables:
        found = retention.removable(table, versions.get(table.name, set()))
        files, size = files + len(found.files), size + found.size_bytes
        if not dry_run:
            retention.remove(found.files)
    return files, size


def _require_no_build(store: Store, project: OpenProject) -> None:
    """Raise Refused while a run of this project may publish: its files have no commit yet."""
    project_id = project_id_of(store, project.name)
    query = select(col(Run.key)).where(col(Run.project_id) == project_id, col(Run.state) == RunState.RUNNING)
    with store.read() as session:
        running = session.execute(query).scalars().first()
    if running is not None:
        raise Refused(f"run {running} goes on and may publish", next_step=f"trainmaster runs show {running}")
