"""A candidate beside production, in one process: mirrored off the answer's path, or answering a share of the entities.

What is seen goes to the store in batches. A candidate that is beyond a limit is let go of at once, in memory, before
the store hears of it; an answer that it cannot give is given by production. In the watch after a switch the candidate
is in production already, and what is called production here is the version before, which stands by in the same way.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.problem import Task
from app.domain.rollout import Tally, agrees, breach, bucket_of, distance, in_canary
from app.domain.states import RolloutState
from app.domain.workspace import Workspace
from app.gateway.hot import Wire
from app.gateway.metrics import Metrics
from app.gateway.models import Served
from app.gateway.rows import RowReader, Scorer
from app.services.serving.rollouts import OpenRollout, Window, note
from app.store.engine import Store

WRITE_S = 1.0
MOST_WAITING = 1_000
"""Requests that wait to be compared; what is beyond is counted, not compared."""
log = logging.getLogger(__name__)


class Trial:
    """One open rollout in this process."""

    def __init__(self, rollout: OpenRollout, candidate: Served, production: Served, worker: str) -> None:
        self.rollout, self.candidate, self.production = rollout, candidate, production
        self.served, self.deployment, self.wire = candidate, candidate.deployment, Wire(candidate)
        self.over: str | None = None
        self.takes_part, self.watches = rollout.state is RolloutState.CANARY, rollout.state is RolloutState.WATCH
        self.serving = candidate if self.watches else production
        self.fallen = False
        """Whether the version before answers again, though the store does not say so yet."""
        self._compares = not self.watches or rollout.limits.compared
        self._worker = worker
        self._salt, self._share = rollout.key.encode(), rollout.limits.canary_share
        self._reader, self._scorer = RowReader(candidate.model.signature), Scorer(candidate.model)
        self._waiting: deque[tuple[Sequence[Any], Sequence[Any], float, bool]] = deque()
        self._askers: dict[bool, _Asker] | None = None
        self._lock = threading.Lock()
        self._window, self._whole = Tally(), Tally()
        task = candidate.model.signature.task
        self._judge = {"tolerance": rollout.limits.tolerance, "is_probability": task is not Task.REGRESSION}

    def picks(self, key: bytes) -> bool:
        """Whether the candidate answers this entity."""
        return self.takes_part and self.over is None and in_canary(key, self._salt, self._share)

    def answer(self, records: Sequence[Any]) -> list[Any] | None:
        """The candidate's answer for a request of the canary, or None when it has none; in the event loop only."""
        begun = time.perf_counter()
        try:
            predictions = self._predicted(records, self._reader, self._scorer)
        except Exception as error:
            self.failed(error)
            return None
        seconds = time.perf_counter() - begun
        self._count(seconds)
        self.mirror(records, predictions, seconds, by_candidate=True)
        return predictions

    def mirror(
        self, records: Sequence[Any], predictions: Sequence[Any], seconds: float, *, by_candidate: bool = False
    ) -> None:
        """Have what was answered compared with the other version's answer; never waits."""
        if self.over is not None:
            return
        if self.watches:
            with self._lock:
                self._window.requests += 1
            if not self._compares:
                return
            by_candidate = True
        if len(self._waiting) >= MOST_WAITING:
            with self._lock:
                self._window.dropped += 1
            return
        self._waiting.append((records, predictions, seconds, by_candidate))

    def compare(self) -> None:
        """Answer what waits with the other version; in the comparing thread only."""
        if self._askers is None:
            self._askers = {True: _Asker(self.production), False: _Asker(self.candidate)}
        other = self._askers
        while self._waiting and self.over is None:
            records, predictions, seconds, by_candidate = self._waiting.popleft()
            begun = time.perf_counter()
            try:
                found = other[by_candidate](records)
            except Exception as error:
                if not by_candidate:
                    self.failed(error)
                continue
            took = time.perf_counter() - begun
            if self.watches:  # it was timed with all that is around it: here both are asked alike
                begun = time.perf_counter()
                other[False](records)
                self._timed(time.perf_counter() - begun)
            time.sleep(0)  # the event loop goes first
            if not by_candidate:
                self._count(took)
            pairs = list(zip(found, predictions, strict=True))
            with self._lock:
                self._window.rows += len(pairs)
                self._window.agreed += sum(agrees(*pair, **self._judge) for pair in pairs)  # type: ignore[arg-type]
                self._window.difference_sum += sum(distance(*pair) for pair in pairs)
                assert self._window.production_ms is not None
                self._window.production_ms[bucket_of((took if by_candidate else seconds) * 1000)] += 1

    def take(self) -> Window | None:
        """What was seen since the last call; None when it was nothing."""
        with self._lock:
            tally, self._window = self._window, Tally()
        if not (tally.requests or tally.rows or tally.dropped):
            return None
        self._whole = Tally.of([self._whole, tally])
        return Window(self.rollout.id, self.rollout.state, self._worker, tally)

    def judge(self) -> str | None:
        """Let go of the candidate when what this process saw is beyond a limit."""
        if self.over is None:
            with self._lock:
                why = breach(Tally.of([self._whole, self._window]), self.rollout.limits)
            if why is not None:
                self.let_go(why)
        return self.over

    def let_go(self, why: str) -> None:
        """Ask the candidate no more."""
        self.over, self.fallen = self.over or why, self.watches

    def _count(self, seconds: float) -> None:
        with self._lock:
            self._window.requests += 1
        self._timed(seconds)

    def _timed(self, seconds: float) -> None:
        with self._lock:
            assert self._window.candidate_ms is not None
            self._window.candidate_ms[bucket_of(seconds * 1000)] += 1

    def failed(self, error: Exception) -> None:
        """Count a request that the candidate could not answer."""
        log.warning("%s: the candidate could not answer (%s)", self.rollout.project, type(error).__name__)
        with self._lock:
            self._window.requests += 1
            self._window.errors += 1
        self.judge()

    def _predicted(self, records: Sequence[Any], reader: RowReader, scorer: Scorer) -> list[Any]:
        flat = reader.rows(records)
        return self.candidate.model.predict(records) if flat is None else scorer(flat, len(records))


class _Asker:
    """A version's answers in a thread of its own."""

    def __init__(self, served: Served) -> None:
        self._model = served.model
        self._reader, self._scorer = RowReader(served.model.signature), Scorer(served.model)

    def __call__(self, records: Sequence[Any]) -> list[Any]:
        flat = self._reader.rows(records)
        return self._model.predict(records) if flat is None else self._scorer(flat, len(records))


class Comparing:
    """The thread that compares, tells the store, and gives production back to the version before."""

    def __init__(self, workspace: Workspace, store: Store, metrics: Metrics, *, write_s: float = WRITE_S) -> None:
        self._workspace, self._store, self._metrics, self._write_s = workspace, store, metrics, write_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._turning = threading.Lock()
        self._unwritten: list[Window] = []
        self.trials: Mapping[str, Trial] = {}

    def follow(self, trials: Mapping[str, Trial]) -> None:
        """Take these from now on; what the others saw is written once more."""
        gone = [trial for name, trial in self.trials.items() if trials.get(name) is not trial]
        self.trials = dict(trials)
        if gone:
            self.turn(gone)
        if trials and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="comparing", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Write what was seen, then end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def turn(self, trials: Sequence[Trial] | None = None) -> None:
        """Compare what waits, and write what was seen."""
        chosen = list(self.trials.values()) if trials is None else trials
        with self._turning:
            failed: dict[int, str] = {}
            for trial in chosen:
                known = trial.over
                trial.compare()
                why = trial.judge()
                if (window := trial.take()) is not None:
                    self._unwritten.append(window)
                if why is not None and (known is None or trial.watches):
                    failed[trial.rollout.id] = why
                if why is not None and known is None:
                    version = trial.candidate.deployment.version
                    log.error("%s: version %d is let go of: %s", trial.rollout.project, version, why)
            if self._unwritten or failed:
                ended = note(self._store, self._unwritten, failed=failed)
                self._unwritten = []
                for trial in chosen:
                    why = ended.get(trial.rollout.id)
                    if why is not None:
                        trial.let_go(why)
                        if trial.watches:
                            self.give_back(trial.rollout, why)
                        else:
                            self._metrics.count("returns", trial.rollout.project)

    def give_back(self, watch: OpenRollout, why: str) -> None:
        """Put the version before a watched one back into production, once, whoever asks first."""
        from app.services.registry import fall_back

        done = fall_back(self._store, self._workspace, watch.id, why)
        if done is not None:
            log.error("%s: version %d is in production again: %s", watch.project, done.version, why)
            self._metrics.count("returns", watch.project)

    def _run(self) -> None:
        while not self._stop.wait(self._write_s):
            try:
                self.turn()
            except Exception:
                log.exception("what was seen of a candidate could not be written")
        try:
            self.turn()
        except Exception:
            log.exception("what was seen of a candidate could not be written")


__all__ = ["Comparing", "Trial"]
