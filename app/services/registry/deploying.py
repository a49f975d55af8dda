"""The deploy flow's stages: checked, proven in a child, served for real, tried, switched; or all stays as it was."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.domain.errors import BadInput, Refused, TrainmasterError
from app.domain.ids import Ref, new_key
from app.domain.states import CauseKind, DeploymentState
from app.learning.canary import ChildVerdict, check_in_child
from app.learning.package import Package
from app.services.registry.judging import judge_again_if_changed
from app.services.registry.packages import find_version, package_of, production_version
from app.services.registry.promoting import require_plan, require_words
from app.services.registry.smoking import Smoked, require_smoke, smoke
from app.services.registry.switching import Switch, Switched, active_deployment, move_production
from app.services.running import Cancelled, TaskContext, first_line, running
from app.services.serving.rollouts import begin_watch
from app.services.serving.trying import RolloutVerdict, observe
from app.services.workspaces import OpenProject, now
from app.store import audit, permits
from app.store.engine import Store
from app.store.tables import Deployment

STAGES, PROMOTED = 5, "model.promoted"


@dataclass(frozen=True)
class Candidate:
    """The version that is on its way into production, with its package (verified, not parsed)."""

    model: str
    version: int
    version_id: int
    expected: int | None
    by: str
    reason: str
    package: Package

    @property
    def ref(self) -> Ref:
        """The version as a node of the lineage."""
        return Ref("model", f"{self.model}/{self.version}")


def check(task: TaskContext) -> Candidate:
    """Stage 1: the rules, then the package's digests; raises Refused or Damaged, and records a failed deployment."""
    run = task.run
    version = _whole(run.parameters.get("version"))
    model = str(run.parameters.get("model") or run.project.name)
    by, reason = str(run.parameters.get("by") or run.actor), str(run.parameters.get("reason") or "")
    with run.store.read() as session:
        current = production_version(session, model)
        found = find_version(session, model, version)
        serving = current.version if current else None
    expected = run.parameters.get("expected", serving)
    assert found.id is not None
    with _recording(task, found.id, model, version, by, reason):
        with run.store.read() as session:
            permits.require(session, by, PROMOTED)
        require_words(model, by=by, reason=reason, typed_name=model)
        again = judge_again_if_changed(run.store, run.project, model, version, by=by)
        if again is not None:
            run.log(f"judged again: {again.says}")
        with run.store.read() as session:
            require_plan(session, run.project.name, model, version, expected)  # type: ignore[arg-type]
            package = package_of(session, found)
        package.verify()
    candidate = Candidate(model, version, found.id, expected, by, reason, package)  # type: ignore[arg-type]
    with run.store.write() as session:
        task.complete(session, says=f"{model} v{version}: rules and digests hold", inputs=[candidate.ref])
    return candidate


def prove(task: TaskContext, candidate: Candidate) -> ChildVerdict:
    """Stage 2: a child process loads the model and must give the stored answers exactly; raises Refused otherwise."""
    with _recording(task, candidate.version_id, candidate.model, candidate.version, candidate.by, candidate.reason):
        verdict = check_in_child(candidate.package)
        if not verdict.ok:
            raise Refused(
                f"{candidate.model} v{candidate.version} failed its canary: {verdict.says}",
                next_step=f"trainmaster models show {candidate.model} {candidate.version}",
            )
    with task.run.store.write() as session:
        task.complete(session, says=f"{verdict.says} ({verdict.seconds:.2f} s)", inputs=[candidate.ref])
    return verdict


def serve(task: TaskContext, candidate: Candidate) -> Smoked:
    """Stage 3: the real server in a process of its own must give the stored answers over HTTP; raises Refused."""
    if not task.run.project.file.gates.server_smoke:
        smoked = Smoked(True, "the charter asks for no smoke test", 0.0)
    else:
        with _recording(task, candidate.version_id, candidate.model, candidate.version, candidate.by, candidate.reason):
            smoked = smoke(candidate.package, candidate.model, candidate.version)
            require_smoke(smoked, candidate.model, candidate.version)
    with task.run.store.write() as session:
        task.complete(session, says=f"{smoked.says} ({smoked.seconds:.2f} s)", inputs=[candidate.ref])
    return smoked


def roll_out(task: TaskContext, candidate: Candidate) -> RolloutVerdict:
    """Stage 4: beside production for the time that `[serving]` asks; raises Refused when it failed."""
    with _recording(task, candidate.version_id, candidate.model, candidate.version, candidate.by, candidate.reason):
        verdict = observe(task, version_id=candidate.version_id, by=candidate.by, reason=candidate.reason)
        if not verdict.passed:
            raise Refused(
                f"{candidate.model} v{candidate.version} failed beside production: {verdict.says}",
                next_step=f"trainmaster models show {candidate.model} {candidate.version}",
            )
    return verdict


def switch(task: TaskContext, candidate: Candidate, verdict: ChildVerdict) -> Switched:
    """Stage 5: one durable transaction moves production, or leaves it; the rules are checked again inside."""
    run = task.run
    wish = Switch(
        project_id=run.project_id,
        model=candidate.model,
        expected=candidate.expected,
        by=candidate.by,
        reason=candidate.reason,
        action=PROMOTED,
        verdict=verdict.says,
        run_id=run.run_id,
    )
    with (
        _recording(task, candidate.version_id, candidate.model, candidate.version, candidate.by, candidate.reason),
        run.store.write(durable=True) as session,
    ):
        target, serving = find_version(session, candidate.model, candidate.version), run.project.file.serving
        replaced = active_deployment(session, run.project_id)
        done = move_production(session, target, wish, now=now())
        if replaced is not None:
            begin_watch(
                session,
                candidate.version_id,
                replaced.version_id,
                serving,
                project_id=run.project_id,
                run_id=run.run_id,
            )
        before = f"v{done.replaced}" if done.replaced is not None else "nothing"
        task.complete(
            session,
            says=f"production of {done.model}: {before} → v{done.version}",
            inputs=[candidate.ref],
            outputs=[Ref("deployment", done.deployment)],
        )
    return done


def promote_here(
    store: Store, project: OpenProject, model: str, version: int, *, by: str, reason: str, typed_name: str
) -> Switched:
    """Promote in this process, without an orchestrator: the same rules, stages and rows as the `deploy` flow."""
    begun = time.monotonic()
    require_words(model, by=by, reason=reason, typed_name=typed_name)
    with store.read() as session:
        permits.require(session, by, PROMOTED)
        current = production_version(session, model)
        require_plan(session, project.name, model, version, current.version if current else None)
    parameters: dict[str, object] = {
        "model": model,
        "version": version,
        "by": by,
        "reason": reason,
        "expected": current.version if current else None,
    }
    with running(store, project, "deploy", stages=STAGES, cause=CauseKind.PERSON, parameters=parameters) as run:
        with run.task("check") as task:
            candidate = check(task)
        with run.task("canary") as task:
            verdict = prove(task, candidate)
        with run.task("smoke") as task:
            serve(task, candidate)
        with run.task("rollout") as task:
            roll_out(task, candidate)
        with run.task("switch") as task:
            done = switch(task, candidate, verdict)
    return replace(done, seconds=time.monotonic() - begun)


@contextmanager
def _recording(task: TaskContext, version_id: int, model: str, version: int, by: str, reason: str) -> Iterator[None]:
    """Whatever says no inside leaves a failed deployment with its verdict, and production as it is."""
    try:
        yield
    except Cancelled:
        raise
    except Exception as error:
        moment, verdict = now(), error.message if isinstance(error, TrainmasterError) else first_line(error)
        with task.run.store.write(durable=True) as session:
            key = new_key()
            session.add(
                Deployment(
                    key=key,
                    project_id=task.run.project_id,
                    version_id=version_id,
                    run_id=task.run.run_id,
                    state=DeploymentState.FAILED,
                    verdict=verdict,
                    created_at=moment,
                    changed_at=moment,
                )
            )
            audit.record(
                session,
                actor=by,
                action="deployment.failed",
                subject=f"model:{model}/{version}",
                now=moment,
                reason=reason,
                details={"deployment": key, "verdict": verdict, "run": task.run.key},
            )
        raise


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise BadInput(
        f"the deploy run's version is {str(value)[:60]!r}, not a whole number from 1",
        where="parameters.version",
        next_step="trainmaster models promote MODEL VERSION --reason REASON --confirm MODEL",
    )
