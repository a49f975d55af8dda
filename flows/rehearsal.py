"""The pipeline rehearsed on a sample, from raw rows to a served answer: the process that CI starts for a commit.

It writes one JSON line a stage: contracts (ingest and features), smoke (train, deploy, one answer of a real gateway),
fit (the loss falls, a tiny set is learned by heart).
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from app.domain.errors import Refused, TrainmasterError
from app.domain.project import Gates
from app.domain.workspace import Workspace
from app.services import serving
from app.services.ci.convergence import check_fit
from app.services.ci.sampling import sampled
from app.services.registry.packages import read_package
from app.services.running import RunContext, first_line, running
from app.services.workspaces import OpenProject, make_workspace, open_project, open_store
from flows.deploy import deploy
from flows.features import features
from flows.harness import run_child
from flows.ingest import ingest
from flows.train import train

ROUNDS = 20
GATEWAY_S = 30.0
NO_GATES = Gates(minimum_gain_over_baseline=-1e9, minimum_gain_over_production=-1e9, clean_commit=False)


def main(folder: str, name: str) -> int:
    """Rehearse a project of a workspace that is thrown away afterwards; exit code 1 at the first stage that fails."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    workspace = make_workspace(Path(folder))
    found = open_project(workspace, name)
    file = found.file.model_copy(update={"sources": sampled(dict(found.file.sources)), "gates": NO_GATES})
    project = OpenProject(workspace, file, found.text)
    with open_store(workspace) as store, running(store, project, "rehearsal", stages=2) as run:
        for stage, body in (("contracts", _contracts), ("smoke", _smoke), ("fit", check_fit)):
            if not _tell(stage, body, run):
                return 1
    return 0


def _tell(stage: str, body: Callable[[RunContext], str], run: RunContext) -> bool:
    try:
        document: dict[str, object] = {"stage": stage, "ok": True, "says": body(run)}
    except Exception as error:
        next_step = error.next_step if isinstance(error, TrainmasterError) else ""
        document = {"stage": stage, "ok": False, "says": first_line(error), "next_step": next_step}
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()
    return bool(document["ok"])


def _contracts(run: RunContext) -> str:
    taken = run_child(ingest, run)
    built = run_child(features, run)
    return f"{taken['accepted']:,} sampled rows; {built['says']}"


def _smoke(run: RunContext) -> str:
    trained = run_child(train, run, {"rounds": ROUNDS})
    model, _, version = str(trained["model"]).partition("/")
    run_child(deploy, run, {"version": int(version), "by": run.actor, "reason": "rehearsal"})
    _, package = read_package(run.store, model, int(version))
    record, expected = package.canary["inputs"][0], package.canary["predictions"][0]
    seconds = _ask_gateway(run.project.workspace, model, record, expected)
    metrics = trained.get("metrics")
    shown = ", ".join(f"{key} {value:.3f}" for key, value in list(dict(metrics).items())[:1]) if metrics else ""  # type: ignore[call-overload]
    return f"trained {ROUNDS} rounds ({shown}), deployed, and the gateway gave the stored answer after {seconds:.1f} s"


def _ask_gateway(workspace: Workspace, model: str, record: dict[str, object], expected: object) -> float:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    workspace.ports_file.write_text(json.dumps({"gateway": port}))
    begun = time.monotonic()
    gateway = subprocess.Popen(
        [sys.executable, "-m", "app.gateway", "--workspace", str(workspace.root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )
    try:
        while not serving.health(workspace).ready:
            if gateway.poll() is not None or time.monotonic() - begun > GATEWAY_S:
                said = gateway.communicate(timeout=5)[1] if gateway.poll() is not None else "it does not answer"
                raise Refused(f"the gateway did not start: {said.strip()[-300:]}", next_step="python -m app.gateway")
            time.sleep(0.05)
        answer = serving.ask(workspace, model, [record])["predictions"]
        if answer != [expected]:
            raise Refused(
                f"the gateway answers {answer} where the package holds {expected}",
                next_step="trainmaster runs logs RUN",
            )
        return time.monotonic() - begun
    finally:
        gateway.kill()
        gateway.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
