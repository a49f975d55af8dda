"""A version leaves the workstation: its server answers alone, and a cluster would take its manifests."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml  # type: ignore[import-untyped]

from app.domain.errors import BadInput, Refused
from app.services.registry.packages import read_package
from app.services.serving import exporting
from app.services.serving.exporting import export_serving
from app.services.serving.manifests import COMMAND, PORT
from app.services.workspaces import make_workspace, open_store
from app.store.engine import Store
from tests.learning.made import make_frame, make_project, train_on

pytestmark = pytest.mark.services
SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas" / "manifests.json").read_text())["schemas"]
TOKEN = "of-the-test"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store of a workspace with one version."""
    workspace = make_workspace(tmp_path_factory.mktemp("serving") / "workspace")
    with open_store(workspace) as opened:
        train_on(opened, make_project(workspace), make_frame(1200))
        yield opened


@pytest.fixture(scope="module")
def model(store: Store) -> str:
    """The name of the model."""
    return str(store.reader.rows("SELECT name FROM model")[0]["name"])


@pytest.fixture(scope="module")
def folder(store: Store, model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version, exported."""
    done = export_serving(store, model, 1, tmp_path_factory.mktemp("out") / "serving", by="ana")
    assert "gave the stored answer" in done.proof
    return done.path


def test_the_manifests_hold_to_the_schemas_of_kubernetes_and_kserve(folder: Path) -> None:
    documents = [
        document
        for name in ("kubernetes.yaml", "kserve.yaml")
        for document in yaml.safe_load_all((folder / name).read_text())
    ]

    for document in documents:
        jsonschema.validate(document, SCHEMAS[document["kind"]])
    wrong = json.loads(json.dumps(documents[0]).replace("containerPort", "containerport"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMAS["Deployment"])

    assert [document["kind"] for document in documents] == ["Deployment", "Service", "InferenceService"]


def test_every_file_that_the_container_copies_is_there_and_its_command_is_that_of_the_manifests(folder: Path) -> None:
    lines = (folder / "Containerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    (command,) = [line.removeprefix("CMD ") for line in lines if line.startswith("CMD")]
    container = yaml.safe_load((folder / "kserve.yaml").read_text())["spec"]["predictor"]["containers"][0]

    assert all((folder / name).is_file() for name in copied)
    assert json.loads(command) == container["command"] == list(COMMAND)
    assert any(line.startswith("USER 1") for line in lines)
    assert container["ports"][0]["containerPort"] == PORT


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """The server of the folder, started with the container's command on a loopback port."""
    import socket
    import time

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    words = [{"0.0.0.0": "127.0.0.1", str(PORT): str(free)}.get(word, word) for word in COMMAND[1:]]
    environment = {"TRAINMASTER_TOKEN": TOKEN, "OMP_WAIT_POLICY": "PASSIVE"}
    process = subprocess.Popen([sys.executable, "-B", *words], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while ask(free, "/v2/health/ready", token="")[0] != 200:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield free
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


def ask(port: int, path: str, body: Any = None, *, token: str = TOKEN, raw: bytes | None = None) -> tuple[int, Any]:
    """Status and document of an answer; 0 when nobody answers."""
    content = raw if raw is not None else json.dumps(body).encode() if body is not None else None
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=content, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError:
        return 0, None


def test_the_server_alone_gives_the_stored_answers_in_every_form(store: Store, model: str, port: int) -> None:
    _, package = read_package(store, model, 1)
    records, stored = package.canary["inputs"][:3], package.canary["predictions"][:3]
    name = model.replace("_", "-")
    columns = list(records[0])
    tensors = [
        {"name": one, "shape": [3], "datatype": "BYTES", "data": [record[one] for record in records]} for one in columns
    ]

    mine = ask(port, f"/predict/{name}", {"records": records})
    split = {"dataframe_split": {"columns": columns, "data": [list(record.values()) for record in records]}}
    forms = [ask(port, "/invocations", body) for body in (split, {"dataframe_records": records}, {"inputs": records})]
    tensor = ask(port, f"/v2/models/{name}/infer", {"inputs": tensors})

    assert mine == (200, {"predictions": stored, "model": name, "version": 1})
    assert forms == [(200, {"predictions": stored})] * 3
    assert tensor[1]["outputs"][0]["data"] == stored
    assert {one["name"] for one in ask(port, f"/v2/models/{name}")[1]["inputs"]} == set(columns)


def test_the_server_refuses_what_is_malformed_and_lives(store: Store, model: str, port: int) -> None:
    record = read_package(store, model, 1)[1].canary["inputs"][0]
    name = model.replace("_", "-")
    number = next(key for key, value in record.items() if isinstance(value, float | int))
    bad: list[Any] = [
        {}, [], 3, None, "x", [[]], {"inputs": 3}, {"dataframe_split": 3}, [record, 3], [{**record, "s3cr3t": 1}],
        {**record, number: "s3cr3t"}, {**record, number: 10**400}, {key: record[key] for key in list(record)[1:]},
    ]  # fmt: skip
    paths = (f"/predict/{name}", "/invocations", f"/v2/models/{name}/infer")

    answers = [ask(port, path, body) for path in paths for body in bad]
    answers += [ask(port, path, raw=raw) for path in paths for raw in (b"{", b"\xff", b"[" * 100_000, b"x" * 1_000_001)]
    nobody = ask(port, paths[0], record, token="wrong")

    assert {status // 100 for status, _ in answers} <= {4, 0}
    assert not any("s3cr3t" in json.dumps(said) for _, said in answers)
    assert nobody[0] == 401
    assert ask(port, paths[0], record)[0] == 200


def test_a_server_that_answers_something_else_leaves_no_folder(
    store: Store, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_same", lambda _found, _stored: False)

    with pytest.raises(Refused, match="is stored"):
        export_serving(store, model, 1, tmp_path / "out", by="ana")

    assert list(tmp_path.iterdir()) == []


def test_an_image_name_that_is_none_is_refused(store: Store, model: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no image name"):
        export_serving(store, model, 1, tmp_path / "out", by="ana", image="a b\n- name: evil")
