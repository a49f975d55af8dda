"""The second attempt: a checkout of the run's commit, a copy of the store, and clean child processes in a folder."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused, TrainmasterError
from app.domain.processes import prepare
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.services import changes, infrastructure
from app.services.reproducing import compare
from app.services.reproducing.rules import other_rules
from app.services.reproducing.verdict import Reproduced, Step, judge, keep
from app.services.workspaces import make_workspace, open_store
from app.store import artifacts, ledger
from app.store.backups import copy_database
from app.store.engine import Store
from app.store.tables import FeatureSet, Model, ModelVersion, Project, Run

Report = Callable[[str, float], None]
LONGEST_S = 24 * 3600.0


@dataclass(frozen=True)
class Origin:
    """Everything that a run was made from, as the store knows it."""

    run: Run
    project: str
    version: ModelVersion
    model: str
    features: FeatureSet
    patch: bytes


def reproduce(
    store: Store, workspace: Workspace, key: str, *, by: str, on_progress: Report | None = None
) -> Reproduced:
    """Make a finished training run again from commit, patch, snapshots, feature version and seed, and compare.

    Nothing of the workspace is changed but the verdict that is written. Raises NotFound for an unknown run, Refused for
    one that did not train a version, that has no commit, or whose store is not an SQLite file.
    """
    tell = on_progress or (lambda _says, _share: None)
    begun = time.monotonic()
    with store.read() as session:
        origin = _origin(session, key)
    if not workspace.store_file.exists():
        raise Refused("only runs of an SQLite store can be made again", next_step="trainmaster runs show " + key)
    steps = [compare.environments(json.loads(origin.run.environment))]
    with _folder(workspace, str(origin.run.commit)) as (root, problem):
        tell("code", 0.02)
        steps.append(_code(root, problem, origin))
        if steps[-1].state == "same":
            steps += _again(store, workspace, Workspace(root), origin, tell)
    found = judge(origin.run.key, steps, time.monotonic() - begun)
    with store.write(durable=True) as session:
        keep(session, ledger.find_run(session, origin.run.key), found, by=by)
    return found


def _origin(session: Session, key: str) -> Origin:
    run = ledger.find_run(session, key)
    version = session.execute(select(ModelVersion).where(col(ModelVersion.run_id) == run.id)).scalars().first()
    if run.state is not RunState.COMPLETED or version is None:
        raise Refused(
            f"run {run.key} ({run.flow}, {run.state}) made no version of a model: only those can be made again",
            next_step="trainmaster runs ls --flow train",
        )
    if not run.commit:
        raise Refused(
            f"run {run.key} has no commit: its code is not known",
            next_step="git init, git add -A, git commit; then train again",
        )
    features = session.get(FeatureSet, version.feature_set_id)
    project, model = session.get(Project, run.project_id), session.get(Model, version.model_id)
    assert features is not None
    assert project is not None
    assert model is not None
    patch = artifacts.get(session, run.diff) if run.diff else b""
    session.expunge_all()
    return Origin(run, project.name, version, model.name, features, patch)


@contextmanager
def _folder(workspace: Workspace, commit: str) -> Iterator[tuple[Path, str]]:
    """A checkout of the commit in a folder of its own, and what git said against it; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="trainmaster-again-") as folder:
        root = Path(folder) / "workspace"
        git = ["git", "-C", str(workspace.root)]
        done = subprocess.run(
            [*git, "worktree", "add", "--detach", "--force", "--quiet", str(root), commit],
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            yield root, "" if done.returncode == 0 else done.stderr.strip()[:300] or "git worktree add failed"
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(root)], capture_output=True, check=False)
            shutil.rmtree(root, ignore_errors=True)
            subprocess.run([*git, "worktree", "prune"], capture_output=True, check=False)


def _code(root: Path, problem: str, origin: Origin) -> Step:
    commit = str(origin.run.commit)[:12]
    if problem:
        return Step("code", "differs", f"commit {commit} cannot be checked out: {problem}")
    left_out = changes.left_out_of(origin.patch)
    if left_out:
        return Step("code", "differs", f"the run's patch does not carry {', '.join(left_out)[:300]}")
    against = changes.apply(root, origin.patch)
    if against:
        return Step("code", "differs", f"the run's patch does not apply to commit {commit}: {against}")
    if not (root / "projects" / origin.project / "project.toml").is_file():
        return Step("code", "differs", f"commit {commit} has no projects/{origin.project}/project.toml")
    patched = " and the changes that were not committed" if origin.patch.strip() else ""
    return Step("code", "same", f"commit {commit}{patched}")


def _again(store: Store, workspace: Workspace, place: Workspace, origin: Origin, tell: Report) -> list[Step]:
    """Snapshots, features, split, model, metrics and predictions, as far as they can be made."""
    tell("snapshots", 0.05)
    make_workspace(place.root)
    wanted: list[str] = json.loads(origin.features.snapshots)
    steps = [compare.snapshots(store, wanted)]
    if steps[0].state != "same":
        return steps
    copy_database(workspace.store_file, place.store_file)
    _only_these(place.store_file, wanted, origin.run.project_id)
    tell("features", 0.1)
    with open_store(place) as second:
        try:
            built = _child(place, "features", origin, {"online": False})
            with second.read() as session:
                rebuilt = _feature_set(session, origin, int(str(built["version"])))
            if origin.features.rules_digest != rebuilt.rules_digest:
                steps.append(other_rules(store, origin.features, second, rebuilt))
            else:
                steps.append(compare.features(workspace, place, origin.project, origin.features, rebuilt))
        except TrainmasterError as error:
            steps.append(Step("features", "differs", f"they cannot be built again: {error.message}"))
        if steps[-1].state != "same":
            return steps
        tell("model", 0.3)
        parameters = {name: value for name, value in json.loads(origin.run.parameters).items() if name != "decision"}
        try:
            made = _child(place, "train", origin, {**parameters, "feature_set": rebuilt.version})
        except TrainmasterError as error:
            return [*steps, Step("model", "differs", f"it cannot be trained again: {error.message}")]
        tell("comparison", 0.97)
        return steps + compare.results(store, second, origin.version, origin.run.key, str(made["run"]))


def _feature_set(session: Session, origin: Origin, version: int) -> FeatureSet:
    found: FeatureSet = session.execute(
        select(FeatureSet).where(
            col(FeatureSet.project_id) == origin.run.project_id, col(FeatureSet.version) == version
        )
    ).scalar_one()
    session.expunge(found)
    return found


def _only_these(file: Path, snapshots: list[str], project_id: int) -> None:
    """Forget, in the copy, what the project took in beside these snapshots: the newest ones are then the run's own."""
    marks = ", ".join("?" for _ in snapshots)
    others = f"(SELECT id FROM snapshot WHERE project_id = ? AND key NOT IN ({marks}))"  # noqa: S608
    connection = sqlite3.connect(file)
    try:
        with connection:
            for table in ("source_file", "quarantined_row"):
                connection.execute(f"DELETE FROM {table} WHERE snapshot_id IN {others}", [project_id, *snapshots])  # noqa: S608
            connection.execute(
                f"DELETE FROM snapshot WHERE project_id = ? AND key NOT IN ({marks})",  # noqa: S608
                [project_id, *snapshots],
            )
            connection.execute("UPDATE run SET state = 'crashed' WHERE state IN ('running', 'requested')")
    finally:
        connection.close()


def _reason(printed: str) -> str:
    """The error that a flow ended with, else its last words.

    >>> _reason("working\\nerror: part 3 is not there\\n  next: trainmaster features build\\n")
    'part 3 is not there'
    """
    lines = [line.strip() for line in printed.splitlines() if line.strip()] or ["no reason given"]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines)[-1][:400]


def _child(place: Workspace, flow: str, origin: Origin, parameters: Mapping[str, object]) -> dict[str, object]:
    """Run a flow of the checkout in a clean process; raises Refused with its last words."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "TRAINMASTER_", "OMP_")) or name == "TRAINMASTER_MEMORY_BYTES"
    }
    prepare(environment)
    environment["TRAINMASTER_ACTOR"] = origin.run.requested_by
    done = subprocess.run(
        [sys.executable, "-m", f"flows.{flow}", "--project", origin.project, "--workspace", str(place.root),
         "--parameters", json.dumps(parameters), "--json", "--quiet"],
        capture_output=True,
        text=True,
        cwd=place.root,
        env=infrastructure.importable(environment),
        stdin=subprocess.DEVNULL,
        timeout=LONGEST_S,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Refused(_reason(done.stderr or done.stdout), next_step="trainmaster runs logs " + origin.run.key)
    said: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    return said
