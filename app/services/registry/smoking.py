"""The smoke test before the switch: the real server, in a process of its own, must give the stored answers over HTTP.

The server gets a workspace of its own that holds nothing but the candidate, so its requests are nobody's, its log is
thrown away, and what answers now is not touched.
"""

import http.client
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from app.domain.errors import Refused
from app.domain.processes import prepare
from app.domain.states import CauseKind, DeploymentState, RunState, Stage
from app.learning.child import TOLERANCE
from app.learning.package import Package
from app.services.workspaces import VARIABLE, make_workspace, now, store_url
from app.store import artifacts
from app.store.engine import Store
from app.store.migrations import HEAD
from app.store.tables import Deployment, FeatureSet, Model, ModelVersion, Project, Run, metadata

READY_S = 30.0
REQUEST_S = 10.0
LOOK_S = 0.02
SINGLES = 8
"""Stored rows that are also asked one by one."""


@dataclass(frozen=True)
class Smoked:
    """What the real server answered."""

    ok: bool
    says: str
    seconds: float
    requests: int = 0
    p95_ms: float | None = None


def smoke(package: Package, model: str, version: int) -> Smoked:
    """Serve a package by the real gateway on a loopback port, and compare its answers with the stored ones (to 1e-12).

    Anything else than those answers gives a result that is not ok; nothing outside a temporary folder changes.
    """
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trainmaster-smoke-") as folder:
        root = Path(folder)
        token = _furnish(root, package, model, version)
        try:
            with _served(root) as (port, server):
                deadline = time.monotonic() + READY_S
                while not _ready(port, token):
                    if server.poll() is not None:
                        return _smoked(False, f"the server ended with code {server.returncode}{_last(root)}", begun)
                    if time.monotonic() > deadline:
                        return _smoked(False, f"the server was not ready within {READY_S:g} s{_last(root)}", begun)
                    time.sleep(LOOK_S)
                return _compare(port, token, model, package, begun)
        except (OSError, http.client.HTTPException) as error:
            return _smoked(False, f"the server did not answer: {type(error).__name__}", begun)


def _compare(port: int, token: str, model: str, package: Package, begun: float) -> Smoked:
    records, expected = package.canary["inputs"], package.canary["predictions"]
    spent = []
    for rows, wanted in [(records, expected), *(([records[at]], [expected[at]]) for at in _some(len(records)))]:
        started = time.monotonic()
        status, document = _post(port, token, f"/predict/{model}", {"records": rows})
        spent.append((time.monotonic() - started) * 1000)
        if status != 200:
            return _smoked(False, f"the server answered {status}: {str(document.get('error', ''))[:200]}", begun)
        if not _same(wanted, document.get("predictions")):
            return _smoked(False, "the server's answers differ from the stored ones", begun)
    p95 = sorted(spent[1:] or spent)[-1]
    says = f"the real server gave {len(records)} stored answers over HTTP"
    return Smoked(True, says, time.monotonic() - begun, len(spent), p95)


def _some(count: int) -> list[int]:
    return list(range(0, count, max(1, count // SINGLES)))[:SINGLES]


def _same(expected: Sequence[object], got: object) -> bool:
    """Whether the answers are the stored ones; any other shape, or NaN, is another answer."""
    if not isinstance(got, list) or len(got) != len(expected):
        return False
    for wanted, given in zip(expected, got, strict=True):
        mine, theirs = (one if isinstance(one, list) else [one] for one in (wanted, given))
        if len(mine) != len(theirs) or not all(isinstance(one, int | float) for one in theirs):
            return False
        gaps = [abs(a - b) for a, b in zip(mine, theirs, strict=True)]
        if not all(math.isfinite(gap) and gap <= TOLERANCE for gap in gaps):
            return False
    return True


def _furnish(root: Path, package: Package, model: str, version: int) -> str:
    """A workspace whose store holds the candidate, deployed; gives its token."""
    workspace, moment = make_workspace(root), now()
    store = Store(store_url(workspace))
    try:
        with store.write() as session:
            connection = session.connection()
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
            manifest, content, canary = (
                artifacts.put(session, one, kind=kind, media_type="application/octet-stream", now=moment)
                for kind, one in (
                    ("manifest", package.manifest_bytes),
                    ("model", package.model),
                    ("canary", package.canary_bytes),
                )
            )
            project = Project(id=1, name=model, created_at=moment)
            run = Run(
                id=1, key="smoke", flow="deploy", project_id=1, state=RunState.COMPLETED, cause=CauseKind.PERSON,
                requested_by="smoke", requested_at=moment,
            )  # fmt: skip
            session.add_all([project, run])
            session.flush()
            features = FeatureSet(
                id=1, project_id=1, run_id=1, version=int(package.manifest["features"]["version"]), digest="0" * 64,
                rules_digest="0" * 64, rows=0, created_at=moment,
            )  # fmt: skip
            session.add_all([features, Model(id=1, name=model, project_id=1, created_at=moment)])
            session.flush()
            row = ModelVersion(
                id=1, model_id=1, version=version, stage=Stage.PRODUCTION, run_id=1, feature_set_id=1,
                digest=str(package.manifest["digest"]), model_bytes=content, manifest=manifest, canary=canary,
                profile=manifest, created_at=moment,
            )  # fmt: skip
            session.add(row)
            session.flush()
            session.add(
                Deployment(
                    key="smoke",
                    project_id=1,
                    version_id=1,
                    state=DeploymentState.ACTIVE,
                    created_at=moment,
                    changed_at=moment,
                )  # fmt: skip
            )
    finally:
        store.close()
    return workspace.token_file.read_text().strip()


@contextmanager
def _served(root: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The gateway of a workspace on a free loopback port; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    code = str(Path(__file__).resolve().parents[3])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [code, environment.get("PYTHONPATH", "")]))
    prepare(environment)
    command = [sys.executable, "-W", "ignore", "-m", "app.gateway", "--workspace", str(root), "--port", str(port)]
    with (root / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=root)
    try:
        yield port, server
    finally:
        server.kill()  # nothing of it is kept
        server.wait()


def _ready(port: int, token: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)
    try:
        connection.request("GET", "/ready", headers={"authorization": f"Bearer {token}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _post(port: int, token: str, path: str, document: Mapping[str, object]) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)
    try:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        connection.request("POST", path, json.dumps(document, allow_nan=False).encode(), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        return answer.status, found if isinstance(found, dict) else {}
    except ValueError:
        return 0, {"error": "it is no JSON"}
    finally:
        connection.close()


def _last(root: Path) -> str:
    lines = (root / "server.log").read_text("utf-8", "replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""


def _smoked(ok: bool, says: str, begun: float) -> Smoked:
    return Smoked(ok, says, time.monotonic() - begun)


def require_smoke(smoked: Smoked, model: str, version: int) -> None:
    """Raise Refused when the real server did not give the stored answers."""
    if not smoked.ok:
        raise Refused(
            f"{model} v{version} failed its smoke test: {smoked.says}",
            next_step=f"trainmaster models show {model} {version}",
        )


__all__ = ["Smoked", "require_smoke", "smoke"]
