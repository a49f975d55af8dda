"""`serve export`: a version as a folder from which a container is built and deployed, proven before it appears."""

import contextlib
import json
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from app.domain.errors import BadInput, Refused
from app.domain.text import visible
from app.learning.package import Package
from app.services.registry.exporting import Exported, contents, prove, refuse_target, whole_folder
from app.services.registry.packages import read_package
from app.services.serving.manifests import COMMAND, IGNORED, PYTHON, Named, containerfile, kserve, kubernetes, readme
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store

ANSWER_S = 60.0
IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/@-]{0,250}")
NAME = re.compile(r"[a-z]([a-z0-9-]{0,60}[a-z0-9])?")


def export_serving(
    store: Store, model: str, version: int | None, target: Path, *, by: str, image: str | None = None
) -> Exported:
    """Write a version (None: the one in production) as a folder with container file, manifests and its own server.

    The server is started as the container would start it, and its answer compared with the stored one, before the
    folder gets its name. Raises NotFound, Damaged, BadInput for a name or image that a cluster would not take, Refused
    for a target that exists or a proof that fails, Unavailable when the disk refuses.
    """
    found, package = read_package(store, model, version)
    refuse_target(target)
    named = _named(model, found.version, package, image)
    files = {**contents(store, model, found.version, package), **_serving_files(named)}
    files["README.md"] += readme(named).encode()
    with whole_folder(target, files) as folder:
        proof = f"{prove(folder)}, and {answered(folder, package, named)}"
    with store.write() as session:
        audit.record(
            session,
            actor=by,
            action="model.exported",
            subject=f"model:{model}/{found.version}",
            now=now(),
            details={"folder": target.name, "digest": named.digest, "serving": True, "image": named.image},
        )
    size = sum(len(content) for content in files.values())
    return Exported(target, model, found.version, tuple(sorted(files)), size, proof)


def _named(model: str, version: int, package: Package, image: str | None) -> Named:
    name = model.replace("_", "-").replace(".", "-")
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{visible(model)} is no name for a cluster", next_step="give the model a name of a-z, 0-9 and -"
        )
    wanted = image or f"localhost/{name}:v{version}"
    if not IMAGE.fullmatch(wanted):
        raise BadInput(f"{visible(wanted)} is no image name", next_step="--image registry.example.org/name:tag")
    environment = package.manifest.get("environment")
    python = str(environment.get("python", PYTHON)) if isinstance(environment, dict) else PYTHON
    found = re.match(r"\d+\.\d+", python)
    digest = str(package.manifest["digest"])
    return Named(name, version, wanted, package.format.file_name, found[0] if found else PYTHON, digest)


def _serving_files(named: Named) -> dict[str, bytes]:
    from app.learning import standalone_server

    serving = {"name": named.name, "version": named.version, "digest": named.digest}
    return {
        "serving.json": json.dumps(serving, indent=2).encode(),
        "server.py": Path(standalone_server.__file__).read_bytes(),
        "Containerfile": containerfile(named).encode(),
        ".containerignore": IGNORED.encode(),
        "kubernetes.yaml": kubernetes(named).encode(),
        "kserve.yaml": kserve(named).encode(),
    }


def answered(folder: Path, package: Package, named: Named) -> str:
    """Start the folder's server as the container does, on loopback, and compare one answer; raises Refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    token = secrets.token_hex(16)
    script, *_ = COMMAND[1:]
    environment = {"TRAINMASTER_TOKEN": token, "OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-B", script, "--host", "127.0.0.1", "--port", str(port)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            with contextlib.suppress(OSError):
                found = _post(port, token, named.name, package.canary["inputs"][:1])
                break
            if server.poll() is not None or time.monotonic() - begun > ANSWER_S:
                raise Refused("the exported server does not answer", next_step=f"python {folder.name}/server.py")
            time.sleep(0.05)
    finally:
        server.kill()
        server.wait()
    stored = package.canary["predictions"][:1]
    if not _same(found["predictions"], stored):
        raise Refused(
            f"the exported server answers {found['predictions']} where {stored} is stored",
            next_step="trainmaster store fsck",
        )
    return f"its server gave the stored answer after {time.monotonic() - begun:.1f} s"


def _post(port: int, token: str, name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/predict/{name}",
        data=json.dumps({"records": records}).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        document: dict[str, Any] = json.loads(answer.read())
    return document


def _same(found: list[Any], stored: list[Any]) -> bool:
    pairs = zip(_flat(found), _flat(stored), strict=False)
    return len(_flat(found)) == len(_flat(stored)) and all(abs(one - other) <= 1e-12 for one, other in pairs)


def _flat(values: list[Any]) -> list[float]:
    return [float(number) for row in values for number in (row if isinstance(row, list) else [row])]


__all__ = ["answered", "export_serving"]
