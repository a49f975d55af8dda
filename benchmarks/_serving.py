"""What the benchmarks of serving share: one model, a workspace that serves it, servers as processes, and the load."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import psutil

from app.domain.ids import new_key
from app.domain.problem import Task
from app.domain.processes import BEFORE_LIBRARIES
from app.domain.states import CauseKind, DeploymentState, RunState, Stage
from app.domain.workspace import Workspace
from app.learning.package import make_package
from app.learning.signature import Feature, Signature
from app.services.workspaces import make_workspace, open_store
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Deployment, FeatureSet, Model, ModelVersion, Project, Run
from benchmarks.peers import FOLDER, python_of

ROOT = Path(__file__).parents[1]
WIDTH, TREES = 13, 300
NAMES = tuple(f"f{at}" for at in range(WIDTH))
PROJECT = "bench"
START_S = 180.0


def make_model(file: Path, *, seed: int = 7, trees: int = TREES) -> tuple[list[dict[str, float]], list[float]]:
    """Write a model of some trees; gives 200 records and its answers."""
    import lightgbm

    random = np.random.default_rng(seed)
    rows = random.normal(size=(20_000, WIDTH)).round(4)
    truth = (rows[:, 0] + rows[:, 1] * rows[:, 2] + random.normal(size=len(rows)) > 0).astype(int)
    settings = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "seed": seed, "num_threads": 2}
    data = lightgbm.Dataset(rows, truth, feature_name=list(NAMES))
    booster = lightgbm.train(settings, data, trees)
    booster.save_model(file)
    asked = rows[:200]
    records = [dict(zip(NAMES, map(float, row), strict=True)) for row in asked]
    return records, booster.predict(asked).tolist()


class Bench:
    """A workspace whose project `bench` can be given versions."""

    def __init__(self, folder: Path) -> None:
        self.workspace: Workspace = make_workspace(folder)
        self.token = self.workspace.token_file.read_text().strip()
        moment = datetime.now(UTC)
        with open_store(self.workspace) as store, store.write() as session:
            project = Project(name=PROJECT, created_at=moment)
            session.add(project)
            session.flush()
            assert project.id is not None
            run = Run(
                key=new_key(), flow="train", project_id=project.id, state=RunState.COMPLETED, cause=CauseKind.PERSON,
                requested_by="bench", requested_at=moment,
            )  # fmt: skip
            model = Model(name=PROJECT, project_id=project.id, created_at=moment)
            session.add_all([run, model])
            session.flush()
            assert run.id is not None
            features = FeatureSet(
                project_id=project.id, run_id=run.id, version=1, digest="a" * 64, rules_digest="b" * 64, rows=1,
                created_at=moment,
            )  # fmt: skip
            session.add(features)
            session.flush()
            self.ids = (project.id, run.id, model.id or 0, features.id or 0)

    def register(
        self,
        store: Store,
        version: int,
        file: Path,
        records: Sequence[Mapping[str, float]],
        answers: Sequence[float],
        *,
        view: str = "",
    ) -> int:
        """A version with this model; gives its id."""
        signature = Signature(Task.BINARY, "y", tuple(Feature(name, "number", view) for name in NAMES), ("0", "1"))
        facts: dict[str, Any] = {
            "signature": signature.as_json(), "features": {"version": 1}, "configuration": {}, "environment": {},
            "commit": "0" * 40, "windows": {}, "metrics": {}, "slices": [], "rows": {}, "seed": 7,
        }  # fmt: skip
        made = make_package(model=file.read_bytes(), inputs=[dict(records[0])], predictions=[answers[0]], facts=facts)
        moment = datetime.now(UTC)
        with store.write() as session:
            kept = [
                artifacts.put(session, content, kind="model", media_type="text/plain", now=moment)
                for content in (made.manifest_bytes, made.model, made.canary_bytes)
            ]
            row = ModelVersion(
                model_id=self.ids[2], version=version, stage=Stage.STAGING, run_id=self.ids[1],
                feature_set_id=self.ids[3], digest=str(made.manifest["digest"]), manifest=kept[0],
                model_bytes=kept[1], canary=kept[2], profile=kept[2], created_at=moment,
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id or 0

    def activate(self, store: Store, version_id: int) -> None:
        """Make a version the one that answers."""
        from sqlalchemy import update
        from sqlmodel import col

        moment = datetime.now(UTC)
        with store.write() as session:
            active = col(Deployment.state) == DeploymentState.ACTIVE
            session.connection().execute(update(Deployment).where(active).values(state=DeploymentState.REPLACED))
            session.add(
                Deployment(
                    key=new_key(),
                    project_id=self.ids[0],
                    version_id=version_id,
                    state=DeploymentState.ACTIVE,
                    created_at=moment,
                    changed_at=moment,
                )  # fmt: skip
            )


class Server:
    """A server as a process group; `cpu_s` and `rss_mb` count all of its processes."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        *,
        path: str,
        body: Path,
        headers: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path = ROOT,
    ) -> None:
        self.name, self.port, self.path, self.body, self.headers = name, port, path, body, dict(headers or {})
        self._begun = time.perf_counter()
        variables = os.environ | BEFORE_LIBRARIES | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""} | dict(environment or {})
        self._log = (body.parent / f"{name}.log").open("wb")
        self._process = subprocess.Popen(
            list(command), cwd=folder, env=variables, stdout=self._log, stderr=self._log, start_new_session=True
        )
        self.cold_s = self._wait()

    def _wait(self) -> float:
        """Seconds from the start to the first answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.path}",
            data=self.body.read_bytes(),
            headers={"content-type": "application/json", **self.headers},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.perf_counter() - self._begun < START_S:
            try:
                with opener.open(request, timeout=30) as answer:
                    answer.read()
                    return time.perf_counter() - self._begun
            except (OSError, urllib.error.URLError):
                if self._process.poll() is not None:
                    break
                time.sleep(0.01)
        log = Path(self._log.name).read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name} does not answer: {log}")

    def _family(self) -> list[psutil.Process]:
        me = psutil.Process(self._process.pid)
        return [me, *me.children(recursive=True)]

    @property
    def cpu_s(self) -> float:
        """Processor time of all its processes."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    @property
    def rss_mb(self) -> float:
        """Resident memory of all its processes."""
        return sum(one.memory_info().rss for one in self._family()) / 1e6

    def load(self, *, body: Path | None = None, connections: int = 8, **more: float) -> dict[str, Any]:
        """Ask it; gives what the load saw, and `cpu_ms`, its own processor time for one request."""
        asked = {
            "port": self.port, "path": self.path, "body": str(body or self.body), "connections": connections,
            "headers": self.headers, **more,
        }  # fmt: skip
        before = self.cpu_s
        told = subprocess.run(
            [str(python_of("serving_floor")), str(FOLDER / "serving_load.py"), json.dumps(asked)],
            check=True,
            capture_output=True,
            text=True,
        )
        found: dict[str, Any] = json.loads(told.stdout)
        found["cpu_ms"] = (self.cpu_s - before) * 1000 / max(1, found["requests"])
        if found["failed"]:
            raise RuntimeError(f"{self.name}: {found['failed']} of {found['requests']} failed: {found['last'][:500]}")
        return found

    def stop(self) -> None:
        """End all its processes."""
        try:
            family = self._family()
        except psutil.NoSuchProcess:
            family = []
        for one in reversed(family):
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ours(bench: Bench, body: Path) -> Server:
    """Our gateway: token, log and checks on."""
    port = free_port()
    return Server(
        "trainmaster",
        [sys.executable, "-m", "app.gateway", "--workspace", str(bench.workspace.root), "--port", str(port)],
        port,
        path=f"/predict/{PROJECT}",
        body=body,
        headers={"Authorization": f"Bearer {bench.token}"},
        environment={"PYTHONPATH": str(ROOT)},
    )


def floor(model: Path, body: Path) -> Server:
    """A raw ASGI application with LightGBM's fast call."""
    port = free_port()
    command = [str(python_of("serving_floor")), str(FOLDER / "serving_floor.py"), str(model), str(port)]
    return Server("floor", command, port, path="/", body=body)
