"""The models that answer: follows the active deployments in the store and swaps one reference when they change."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from app.domain.errors import TrainmasterError
from app.domain.states import RolloutState
from app.gateway.metrics import Metrics
from app.gateway.records import Fields
from app.services.predictions import load_version
from app.services.serving import ActiveDeployment, active_deployments
from app.services.serving.rollouts import OpenRollout, open_rollouts
from app.store.engine import Store

if TYPE_CHECKING:
    from app.learning.loader import LoadedModel

POLL_S = 0.25
LOOK_AGAIN_S = 5.0
FIRST_RETRY_S = 5.0
LONGEST_RETRY_S = 60.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A version that answers, with all that an answer says of it."""

    deployment: ActiveDeployment
    model: "LoadedModel"
    fields: Fields


def served_of(store: Store, deployment: ActiveDeployment) -> Served:
    """The version of a deployment, loaded and checked; raises what `load_version` raises."""
    model = load_version(store, deployment.version_id)
    features = model.signature.features
    fields = Fields(
        tuple(feature.name for feature in features),
        frozenset(feature.name for feature in features if feature.kind == "category"),
    )
    return Served(deployment, model, fields)


@dataclass(frozen=True)
class Failure:
    """A deployment that could not be loaded, and when to try again (monotonic seconds)."""

    deployment: str
    says: str
    retry_at: float
    wait_s: float


class Models:
    """Loads what the store says is active; `current` is replaced as a whole, so a request sees one version.

    A version that cannot be loaded leaves the old one answering; it stands in `failures` and is tried again. `beside`
    are the candidates of open rollouts, and after a switch the version before; `on_change` is called after either has
    changed, before requests see it. `on_unable` is called with a watch whose version cannot be loaded.
    """

    def __init__(self, store: Store, metrics: Metrics, *, poll_s: float = POLL_S) -> None:
        self._store, self._metrics, self._poll_s = store, metrics, poll_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="model-pointer", daemon=True)
        self._seen: int | None = None
        self._bad_candidates: dict[int, str] = {}
        self._looked_at = 0.0
        self.current: Mapping[str, Served] = MappingProxyType({})
        self.failures: Mapping[str, Failure] = MappingProxyType({})
        self.beside: Mapping[str, tuple[OpenRollout, Served]] = MappingProxyType({})
        self.on_change: Callable[[], None] = lambda: None
        self.on_unable: Callable[[OpenRollout, str], None] = lambda _watch, _why: None
        self.projects: frozenset[str] = frozenset()
        self.looked = False

    def start(self) -> None:
        """Begin to follow the store."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def look(self) -> None:
        """Bring `current` to what the store says now."""
        reader = self._store.reader
        self.projects = frozenset(str(row["name"]) for row in reader.rows("SELECT name FROM project"))
        wanted = {deployment.project: deployment for deployment in active_deployments(reader)}
        current = {name: served for name, served in self.current.items() if name in wanted}
        failures = {name: failure for name, failure in self.failures.items() if name in wanted}
        for name, deployment in wanted.items():
            served = current.get(name)
            if served is not None and served.deployment.key == deployment.key:
                failures.pop(name, None)
                continue
            before = failures.get(name)
            if before is not None and before.deployment == deployment.key and time.monotonic() < before.retry_at:
                continue
            try:
                current[name] = self._load(deployment, served)
                failures.pop(name, None)
            except Exception as error:
                failures[name] = self._failed(deployment, error, before)
        self.failures = MappingProxyType(failures)
        rollouts = open_rollouts(reader)
        beside = self._candidates(rollouts, current)
        changed = {name: rollout for name, (rollout, _) in beside.items()} != {
            name: rollout for name, (rollout, _) in self.beside.items()
        }
        if {name: served.deployment.key for name, served in current.items()} != {
            name: served.deployment.key for name, served in self.current.items()
        }:
            self.current, changed = MappingProxyType(current), True
        if changed:
            self.beside = MappingProxyType(beside)
            self.on_change()
        self.looked = True
        for rollout in rollouts:
            failure, active = failures.get(rollout.project), wanted.get(rollout.project)
            watched = active is not None and active.version_id == rollout.production_id
            if rollout.state is RolloutState.WATCH and watched and failure is not None:
                self.on_unable(rollout, failure.says)

    def _candidates(
        self, rollouts: Sequence[OpenRollout], current: Mapping[str, Served]
    ) -> dict[str, tuple[OpenRollout, Served]]:
        """What stands beside production in every open rollout whose production is the one that answers here."""
        found: dict[str, tuple[OpenRollout, Served]] = {}
        for rollout in rollouts:
            served = current.get(rollout.project)
            if served is None or served.deployment.version_id != rollout.production_id:
                continue
            known, before = self.beside.get(rollout.project), self.current.get(rollout.project)
            if known is not None and known[0].id == rollout.id and known[0].version_id == rollout.version_id:
                found[rollout.project] = (rollout, known[1])
                continue
            if before is not None and before.deployment.version_id == rollout.version_id:
                found[rollout.project] = (rollout, Served(rollout.deployment, before.model, before.fields))
                continue
            try:
                found[rollout.project] = (rollout, served_of(self._store, rollout.deployment))
            except Exception as error:
                failed = self._bad_candidates.get(rollout.id)
                if failed is None:
                    self._bad_candidates[rollout.id] = type(error).__name__
                    log.exception("%s: candidate %d cannot be loaded", rollout.project, rollout.version)
        return found

    def _load(self, deployment: ActiveDeployment, served: Served | None) -> Served:
        if served is not None and served.deployment.version_id == deployment.version_id:
            return Served(deployment, served.model, served.fields)
        begun = time.monotonic()
        made = served_of(self._store, deployment)
        log.info(
            "%s: version %d answers from now on (loaded and checked in %.0f ms)",
            deployment.project,
            deployment.version,
            (time.monotonic() - begun) * 1000,
        )
        self._metrics.count("swaps", deployment.project)
        self._metrics.gauge("model_version", deployment.version, deployment.project)
        return made

    def _failed(self, deployment: ActiveDeployment, error: Exception, before: Failure | None) -> Failure:
        same = before is not None and before.deployment == deployment.key
        wait_s = min(before.wait_s * 2, LONGEST_RETRY_S) if same and before is not None else FIRST_RETRY_S
        says = error.message if isinstance(error, TrainmasterError) else type(error).__name__
        log.error("%s: version %d cannot be loaded: %s", deployment.project, deployment.version, says)
        self._metrics.count("failed_loads", deployment.project)
        return Failure(
            deployment.key, f"version {deployment.version} cannot be loaded: {says}", time.monotonic() + wait_s, wait_s
        )

    def _follow(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                if self._has_changed():
                    self.look()
                said = ""
            except Exception as error:
                self._seen = None  # look again
                if said != type(error).__name__:
                    log.exception("the store could not be read; what answers stays")
                said = type(error).__name__
            self._stop.wait(self._poll_s)

    def _has_changed(self) -> bool:
        version = self._store.reader.version()
        retry = any(time.monotonic() >= failure.retry_at for failure in self.failures.values())
        # a rollout that nobody waits for any more ends by the clock, not by a write
        stale = bool(self.beside) and time.monotonic() - self._looked_at > LOOK_AGAIN_S
        changed = not self.looked or retry or stale or version != self._seen or not self._store.is_sqlite
        self._seen = version
        if changed:
            self._looked_at = time.monotonic()
        return changed


__all__ = ["Failure", "Models", "Served", "served_of"]
