"""Running a flow's body: the run's row, its lease and heartbeat, its tasks, its log and its resource trace.

Every flow, under Prefect or without any server, is one `running(...)` block with one `task(...)` block a stage.
"""

import json
import logging
import os
import subprocess
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from app.domain.errors import Refused, TrainmasterError
from app.domain.ids import Ref
from app.domain.states import CauseKind, RunState, TaskState
from app.domain.text import text_of, visible
from app.machine.environment import this_environment, this_lock
from app.machine.sampler import ProcessSample, TreeSampler
from app.machine.threads import CpuClock, busy_elsewhere, choose_threads
from app.services.changes import changes_of
from app.services.workspaces import OpenProject, actor, now
from app.store import artifacts, holders, leases, ledger, lineage
from app.store.engine import Store
from app.store.tables import CharterVersion, Estimate, Lease, LogLine, Project, ResourceSample, Run, Task

HEARTBEAT_S = 2.0
PROGRESS_S = 0.25
LONGEST_LOG = 100_000
"""Characters of one entry in a run's log."""


class Cancelled(Refused):
    """Somebody asked this run to stop."""


@dataclass
class RunContext:
    """A run that this process executes now: what services need to compute and to record."""

    store: Store
    project: OpenProject
    project_id: int
    run_id: int
    key: str
    flow: str
    actor: str
    parameters: Mapping[str, object]
    commit: str | None
    dirty: bool
    stages: int
    _heart: "Heart" = field(repr=False)
    _clock: CpuClock = field(default_factory=CpuClock.now, repr=False)
    _ordinal: int = 0

    @property
    def ref(self) -> Ref:
        """The run as a node of the lineage."""
        return Ref("run", self.key)

    def plan(self, stages: int) -> None:
        """Say how many stages the run has, once that is known."""
        self.stages = stages
        with self.store.write() as session:
            session.connection().execute(update(Run).where(col(Run.id) == self.run_id).values(stages=stages))

    def waited(self, seconds: float) -> None:
        """Say that the run has waited for its turn; it does not count as what the run needed."""
        self._heart.waited_s += seconds

    def log(self, says: str, *, level: str = "info") -> None:
        """Write a line to the run's log (kept at the next heartbeat, or at the run's end)."""
        self._heart.log(says, level)

    def stop_if_asked(self) -> None:
        """Raise Cancelled when somebody asked the run to stop."""
        self._heart.raise_if_cancelled()

    def threads(self, cores: int) -> int:
        """How many of `cores` a fit should take, after what others kept busy since the run began; fewer is logged."""
        busy = busy_elsewhere(self._clock, CpuClock.now())
        serving = any(row.kind == "service" and row.key == "gateway" for row in self._leases())
        chosen = choose_threads(cores, busy, serving=serving)
        if chosen < cores:
            why = f"others keep {busy:.1f} cores busy" + (", and one stays free for serving" if serving else "")
            self.log(f"{chosen} of {cores} threads: {why}")
        return chosen

    def _leases(self) -> list[Lease]:
        with self.store.read() as session:
            return list(session.execute(select(Lease)).scalars())

    @contextmanager
    def task(self, name: str) -> Iterator["TaskContext"]:
        """One task: its row begins now and ends with `complete`, with the block, or with the error that leaves it."""
        self.stop_if_asked()
        begun = time.monotonic()
        with self.store.write() as session:
            row = ledger.begin_task(session, self.run_id, name, self._ordinal, now=now())
        self._ordinal += 1
        task = TaskContext(self, row, begun)
        self.log(f"{name}: begins ({self._ordinal} of {self.stages})")
        try:
            yield task
        except BaseException as error:
            if not task.completed:
                with self.store.write() as session:
                    ledger.finish_task(
                        session,
                        row,
                        TaskState.FAILED,
                        now=now(),
                        duration_s=time.monotonic() - begun,
                        error=first_line(error),
                    )
            raise
        if not task.completed:
            with self.store.write() as session:
                task.complete(session)
        self.log(f"{name}: done in {time.monotonic() - begun:.2f} s" + (f" · {row.says}" if row.says else ""))


@dataclass
class TaskContext:
    """A task that runs now."""

    run: RunContext
    row: Task
    begun: float
    completed: bool = False
    _last_progress: float = 0.0

    def progress(self, done: float, total: float, says: str = "") -> None:
        """Show how far the task is; written at most four times a second, with the time still to go."""
        self.run.stop_if_asked()
        moment = time.monotonic()
        if moment - self._last_progress < PROGRESS_S:
            return
        self._last_progress = moment
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 0.0
        elapsed = moment - self.begun
        eta_s = elapsed * (1 - share) / share if share > 0 else None
        with self.run.store.write() as session:
            session.connection().execute(
                update(Task).where(col(Task.id) == self.row.id).values(share=share, eta_s=eta_s, says=says)
            )

    def complete(
        self, session: Session, *, says: str = "", inputs: Iterable[Ref] = (), outputs: Iterable[Ref] = ()
    ) -> None:
        """End the task in the transaction of `session`, beside the rows of its result."""
        ledger.finish_task(
            session,
            self.row,
            TaskState.COMPLETED,
            now=now(),
            duration_s=time.monotonic() - self.begun,
            says=says,
            inputs=inputs,
            outputs=outputs,
        )
        self.completed = True


@contextmanager
def running(
    store: Store,
    project: OpenProject,
    flow: str,
    *,
    stages: int,
    run_key: str | None = None,
    cause: CauseKind = CauseKind.PERSON,
    cause_key: str | None = None,
    parameters: Mapping[str, object] | None = None,
    prefect_id: str | None = None,
) -> Iterator[RunContext]:
    """Execute a flow's body as a run: takes the requested row `run_key`, or writes a new one.

    On leaving, the row is completed, failed (with the error's first line and next step) or cancelled; a process that
    dies leaves a lease that the reconciler turns into `crashed`.
    """
    project_id = register_project(store, project)
    environment = this_environment()
    commit, dirty = (project.bundle.commit, False) if project.bundle else commit_of(project)
    patch = changes_of(project.workspace.root, project.folder).patch if commit and dirty else b""
    begun = time.monotonic()
    holder = holders.this_process()
    with store.write() as session:
        if run_key is None:
            row = ledger.request_run(
                session,
                flow=flow,
                project_id=project_id,
                requested_by=actor(),
                now=now(),
                cause=cause,
                cause_key=cause_key,
                parameters=parameters,
            )
        else:
            row = ledger.find_run(session, run_key)
        row.commit, row.dirty, row.charter_digest = commit, dirty, project.file.digest
        row.bundle = project.bundle.digest if project.bundle else None
        row.environment = json.dumps(environment.as_json())
        row.lock_digest = environment.lock_digest
        row.diff = artifacts.put(session, patch, kind="diff", media_type="text/x-diff", now=now()) if patch else None
        row.seed = project.file.learner.seed
        row.prefect_id = prefect_id or row.prefect_id
        ledger.start_run(session, row, now=now(), holder=holder, stages=stages)
        if project.bundle:
            lineage.link(session, [(Ref("bundle", project.bundle.digest), Ref("run", row.key), "code")], now=now())
    assert row.id is not None
    with Heart(store, row.id, row.key, holder) as heart:
        context = RunContext(
            store,
            project,
            project_id,
            row.id,
            row.key,
            flow,
            row.requested_by,
            json.loads(row.parameters),
            commit,
            dirty,
            stages,
            heart,
        )
        state, error, next_step = RunState.COMPLETED, "", ""
        if project.bundle:
            context.log(f"code: bundle {project.bundle.digest[:12]} of commit {project.bundle.commit[:12]}")
        try:
            yield context
        except Cancelled as stop:
            state, error = RunState.CANCELLED, first_line(stop)
            context.log(error, level="warning")
            raise
        except TrainmasterError as refusal:
            state, error, next_step = RunState.FAILED, first_line(refusal), refusal.next_step or ""
            context.log(str(refusal), level="error")
            raise
        except (KeyboardInterrupt, SystemExit) as stop:
            state, error = RunState.CANCELLED, f"interrupted ({type(stop).__name__})"
            context.log(error, level="warning")
            raise
        except BaseException as failure:
            state, error = RunState.FAILED, first_line(failure)
            next_step = f"trainmaster runs logs {row.key}"
            context.log(traceback.format_exc(), level="error")
            raise
        finally:
            heart.flush()
            with store.write() as session:
                kept = ledger.find_run(session, row.key)
                kept.peak_rss_bytes = heart.peak_rss_bytes
                kept.peak_gpu_memory_bytes = heart.peak_gpu_memory_bytes
                kept.energy_j = heart.energy_j
                session.flush()
                if state is RunState.COMPLETED:
                    _keep_lock_and_diff(session, kept)
                _settle_estimate(session, kept, heart, time.monotonic() - begun)
                ledger.finish_run(
                    session,
                    kept,
                    state,
                    now=now(),
                    duration_s=time.monotonic() - begun,
                    error=error,
                    next_step=next_step,
                )


def _keep_lock_and_diff(session: Session, run: Run) -> None:
    """Keep what the digests of a finished run stand for; without changes the diff is empty, and kept as such."""
    artifacts.put(session, this_lock(), kind="lock", media_type="text/plain", now=now())
    if run.diff is None:
        run.diff = artifacts.put(session, b"", kind="diff", media_type="text/x-diff", now=now())
    session.flush()


def _settle_estimate(session: Session, run: Run, heart: "Heart", seconds: float) -> None:
    """Write beside the run's estimate what it needed."""
    session.connection().execute(
        update(Estimate)
        .where(col(Estimate.run_id) == run.id)
        .values(
            actual_seconds=max(0.0, seconds - heart.waited_s),
            actual_rss_bytes=heart.peak_rss_bytes,
            actual_gpu_memory_bytes=heart.peak_gpu_memory_bytes,
        )
    )


class Heart:
    """A thread that renews the run's lease, keeps its log and its resource trace, and hears a request to cancel."""

    def __init__(self, store: Store, run_id: int, key: str, holder: holders.Holder) -> None:
        self._store, self._run_id, self._key, self._holder = store, run_id, key, holder
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._lines: list[tuple[datetime, str, str]] = []
        self._line_seq = 0
        self._sample_seq = 0
        self._cancelled = False
        self.peak_rss_bytes = 0
        self.peak_gpu_memory_bytes = 0
        self.energy_j: float | None = None
        self.waited_s = 0.0
        self._sampler = TreeSampler(os.getpid())
        self._thread = threading.Thread(target=self._beat, name="run-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def log(self, says: str, level: str) -> None:
        """Remember a line until the next flush."""
        with self._lock:
            self._lines.append((now(), level, _storable(says)[:LONGEST_LOG]))

    def raise_if_cancelled(self) -> None:
        """Raise Cancelled when somebody asked for it."""
        if self._cancelled:
            raise Cancelled("cancelled by request")

    def flush(self) -> None:
        """Write what was logged and one resource sample, and renew the lease."""
        with self._lock:
            sample = self._sampler.read()
            self.peak_rss_bytes = max(self.peak_rss_bytes, sample.rss_bytes)
            self.peak_gpu_memory_bytes = max(self.peak_gpu_memory_bytes, sample.gpu_memory_bytes or 0)
            self.energy_j = sample.energy_j
            lines, first = list(self._lines), self._line_seq
            with self._store.write() as session:
                connection = session.connection()
                if lines:
                    connection.execute(
                        insert(LogLine),
                        [
                            {"run_id": self._run_id, "seq": first + at, "at": when, "level": level, "says": says}
                            for at, (when, level, says) in enumerate(lines)
                        ],
                    )
                connection.execute(insert(ResourceSample), _sample_row(self._run_id, self._sample_seq, sample))
                self._sample_seq += 1
                leases.renew(session, ledger.RUN_LEASE, self._key, now(), holder=self._holder)
                state = connection.execute(select(col(Run.state)).where(col(Run.id) == self._run_id)).scalar_one()
            self._lines.clear()  # only now: what could not be written is written at the next beat
            self._line_seq += len(lines)
        self._cancelled = state is RunState.CANCELLED

    def _beat(self) -> None:
        wait = 0.2
        while not self._stop.wait(wait):
            try:
                self.flush()
            except Exception:
                logging.getLogger(__name__).exception("heartbeat of run %s failed; it will be tried again", self._key)
            wait = HEARTBEAT_S if self._sample_seq > 5 else 0.5


def _sample_row(run_id: int, seq: int, sample: ProcessSample) -> dict[str, object]:
    return {
        "run_id": run_id,
        "seq": seq,
        "at": now(),
        "cpu_percent": sample.cpu_percent,
        "rss_bytes": sample.rss_bytes,
        "gpu_percent": sample.gpu_percent,
        "gpu_memory_bytes": sample.gpu_memory_bytes,
        "read_bytes": sample.read_bytes,
        "written_bytes": sample.written_bytes,
        "energy_j": sample.energy_j,
    }


def register_project(store: Store, project: OpenProject) -> int:
    """Write the project and the version of its charter when they are new; gives the project's row id."""
    with store.write() as session:
        row = session.execute(select(Project).where(col(Project.name) == project.name)).scalars().first()
        if row is None:
            row = Project(name=project.name, title=project.file.title, created_at=now())
            session.add(row)
            session.flush()
        assert row.id is not None
        digest = project.file.digest
        versions = session.execute(
            select(col(CharterVersion.version), col(CharterVersion.digest)).where(
                col(CharterVersion.project_id) == row.id
            )
        ).all()
        if digest not in {known for _, known in versions}:
            session.add(
                CharterVersion(
                    project_id=row.id,
                    version=max((int(v) for v, _ in versions), default=0) + 1,
                    digest=digest,
                    document=project.file.model_dump_json(),
                    created_at=now(),
                )
            )
        return row.id


def commit_of(project: OpenProject) -> tuple[str | None, bool]:
    """The commit of the workspace's repository and whether anything in the project's folder differs from it."""
    root = project.workspace.root
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode != 0:
        return None, True
    changed = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain", "--", str(project.folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    return head.stdout.strip(), bool(changed.stdout.strip()) or changed.returncode != 0


def first_line(error: BaseException) -> str:
    """The first line of an error, with its type when it is not one of ours; at most 500 characters."""
    if isinstance(error, TrainmasterError):
        where = f"{error.where}: " if error.where else ""
        return _storable(where + error.message.strip().split("\n", 1)[0])[:500]
    says = visible(text_of(error).strip().split("\n", 1)[0])
    return f"{visible(type(error).__name__, longest=80)}: {says}"[:500]


def _storable(text: str) -> str:
    """Text that a database takes: half of a surrogate pair is no character."""
    return text.encode(errors="backslashreplace").decode()


__all__ = ["Cancelled", "RunContext", "TaskContext", "commit_of", "first_line", "register_project", "running"]
