"""From new files to runs of the flow `arrival`: one at a time a project, and none for files that are known."""

import hashlib
import threading
import time
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col
from watchdog.events import (
    EVENT_TYPE_CLOSED_NO_WRITE,
    EVENT_TYPE_DELETED,
    EVENT_TYPE_OPENED,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from app.domain.errors import TrainmasterError
from app.domain.project import Source
from app.domain.states import CauseKind, RunState
from app.domain.workspace import Workspace
from app.services import runs
from app.services.workspaces import open_project, project_names
from app.store.engine import Store
from app.store.tables import Project, Run, Snapshot, SourceFile
from app.watcher.files import Rest, project_and_path
from app.watcher.polls import Polls

TAKES_FILES = ("arrival", "ingest", "pipeline")
CONFIGURATION = ("project.toml", "features.py")


class Arrivals(FileSystemEventHandler):
    """Hears of files under `projects/`, and asks for an arrival run when a source has rows that nobody took in."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self.workspace, self.store = workspace, store
        self.complaints: dict[str, str] = {}
        self._rest = Rest()
        self._polls = Polls()
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Path]] = {}
        self._observer = Observer()

    def start(self) -> None:
        """Begin to watch, and look for what came while nobody watched."""
        self._observer.schedule(self, str(self.workspace.projects), recursive=True)
        self._observer.start()
        for project in project_names(self.workspace):
            self._check(project)
            if has_begun(self.store, project):
                self._waiting.setdefault(project, set()).update(self._unknown_by_size(project))

    def stop(self) -> None:
        """Stop watching."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Hear of a file that was written, moved or made."""
        if event.is_directory or event.event_type in (
            EVENT_TYPE_OPENED,
            EVENT_TYPE_CLOSED_NO_WRITE,
            EVENT_TYPE_DELETED,
        ):
            return
        for name in (event.src_path, event.dest_path):
            if name:
                path = Path(name.decode() if isinstance(name, bytes) else name)
                if project_and_path(self.workspace.projects, path) is not None:
                    with self._lock:
                        self._rest.touch(path, time.monotonic())

    def turn(self) -> list[str]:
        """Ask for the runs that are due; gives their keys."""
        with self._lock:
            settled = self._rest.settled(time.monotonic())
        for path in settled:
            self._sort_in(path)
        asked = []
        for project, files in list(self._waiting.items()):
            if not files or self._is_busy(project):
                continue
            self._waiting[project] = set()
            news = sorted(path.name for path in files if self._is_news(project, path))
            if news and has_begun(self.store, project):
                what = f"{len(news)} files: " if len(news) > 1 else ""
                asked.append(
                    runs.request(
                        self.store,
                        self.workspace,
                        project,
                        "arrival",
                        {},
                        cause=CauseKind.NEW_DATA,
                        cause_key=(what + ", ".join(news))[:200],
                    )
                )
        return asked + self._asked_by_time()

    def _asked_by_time(self) -> list[str]:
        """Ask for the sources that no file event tells of; a run that finds nothing new ends there."""
        asked = []
        for project in self._polls.projects():
            if self._is_busy(project) or not has_begun(self.store, project):
                continue
            due = self._polls.due(project, time.monotonic())
            if due:
                asked.append(
                    runs.request(
                        self.store,
                        self.workspace,
                        project,
                        "arrival",
                        {"polled": True},
                        cause=CauseKind.SCHEDULE,
                        cause_key=", ".join(due)[:200],
                    )
                )
        return asked

    def _sort_in(self, path: Path) -> None:
        found = project_and_path(self.workspace.projects, path)
        if found is None:
            return
        project, inside = found
        if str(inside) in CONFIGURATION:
            self._check(project)
        elif any(inside.match(pattern) for pattern in self._patterns(project)):
            self._waiting.setdefault(project, set()).add(path)

    def _check(self, project: str) -> None:
        """Say what is wrong with a project's files as soon as they are saved."""
        self.complaints.pop(project, None)
        try:
            self._polls.declare(project, open_project(self.workspace, project).file.sources)
            features = self.workspace.features_file(project)
            if features.is_file():
                compile(features.read_text(encoding="utf-8"), f"projects/{project}/features.py", "exec")
        except TrainmasterError as error:
            self.complaints[project] = str(error).split("\n", 1)[0]
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            self.complaints[project] = (
                f"projects/{project}/features.py" + (f" line {line}" if line else "") + f": {error}"
            )

    def _patterns(self, project: str) -> list[str]:
        try:
            sources = open_project(self.workspace, project).file.sources.values()
        except TrainmasterError:
            return []
        return [_pattern(source) for source in sources if source.watch and source.path]

    def _unknown_by_size(self, project: str) -> set[Path]:
        folder = self.workspace.project_folder(project)
        with self.store.read() as session:
            sizes = set(
                session.execute(
                    select(col(SourceFile.size_bytes))
                    .join(Project, col(Project.id) == col(SourceFile.project_id))
                    .where(col(Project.name) == project)
                ).scalars()
            )
        found = {path for pattern in self._patterns(project) for path in folder.glob(pattern) if path.is_file()}
        return {
            path
            for path in found
            if project_and_path(self.workspace.projects, path) is not None and path.stat().st_size not in sizes
        }

    def _is_news(self, project: str, path: Path) -> bool:
        """Whether no snapshot has taken in these bytes."""
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return False
        with self.store.read() as session:
            known = session.execute(
                select(col(SourceFile.id))
                .join(Project, col(Project.id) == col(SourceFile.project_id))
                .where(col(Project.name) == project, col(SourceFile.digest) == digest)
                .limit(1)
            ).first()
        return known is None

    def _is_busy(self, project: str) -> bool:
        """Whether a run that takes in files is asked for or under way."""
        with self.store.read() as session:
            found = session.execute(
                select(col(Run.id))
                .join(Project, col(Project.id) == col(Run.project_id))
                .where(
                    col(Project.name) == project,
                    col(Run.flow).in_(TAKES_FILES),
                    col(Run.state).in_([RunState.REQUESTED, RunState.RUNNING]),
                )
                .limit(1)
            ).first()
        return found is not None


def _pattern(source: Source) -> str:
    """The glob of a source of files; a folder stands for all that is in it."""
    path = source.path or ""
    return path if any(mark in path for mark in "*?[") or Path(path).suffix else f"{path}/**/*"


def has_begun(store: Store, project: str) -> bool:
    """Whether the project has ever taken in data; before that, the first ingest is a person's."""
    with store.read() as session:
        found = session.execute(
            select(col(Snapshot.id))
            .join(Project, col(Project.id) == col(Snapshot.project_id))
            .where(col(Project.name) == project)
            .limit(1)
        ).first()
    return found is not None
