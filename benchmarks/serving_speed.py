"""One row and a hundred rows over HTTP, 8 connections, one worker each: ours, the floor, and four peers.

Ours has its token, its checks and its log on; the floor and the peers have none of these. Every server answers the same
rows of one LightGBM model of 300 trees, and must give the same number. They are asked in turn, in short rounds, by one
load generator; the median round counts. On a machine that others share, processor time for a request is what can be
compared, so the bars hold the ratios of that; requests a second are printed beside it.
"""

import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.services.workspaces import open_store
from benchmarks import Result, at_most
from benchmarks._serving import NAMES, Bench, Server, floor, free_port, make_model, ours
from benchmarks.peers import FOLDER, python_of

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
WARM_S = 6.0
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PEERS = tuple(os.environ.get("BENCH_PEERS", "mlserver,litserve,bentoml,mlflow").split(","))
BARS = {"mlflow": 30, "mlserver": 4, "bentoml": 10, "litserve": 10}


def run() -> list[Result]:
    """The floor in rounds beside ours, then each peer beside ours."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.txt"
        records, answers = make_model(model)
        bodies = {
            "one": _body(folder, "one", records[0]),
            "many": _body(folder, "many", {"records": records[:100]}),
        }
        bench = Bench(folder / "workspace")
        with open_store(bench.workspace) as store:
            bench.activate(store, bench.register(store, 1, model, records, answers))
        with ours(bench, bodies["one"]) as mine:
            results = _beside_floor(mine, model, bodies, answers)
            for peer in PEERS:
                results += _beside_peer(mine, peer, folder, model, records, answers[0])
        return results


def _body(folder: Path, name: str, document: object) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(document))
    return file


def _beside_floor(mine: Server, model: Path, bodies: Mapping[str, Path], answers: Sequence[float]) -> list[Result]:
    with floor(model, bodies["one"]) as bare:
        one = _rounds([mine, bare], body=bodies["one"])
        _require_same(one[0], answers[:1])
        _require_same(one[1], answers[:1])
        half = one[0]["rate"] / 2
        calm = [
            [server.load(body=bodies["one"], seconds=SECONDS, rate=half) for server in (mine, bare)]
            for _ in range(ROUNDS)
        ]
        many = _rounds([mine, bare], body=bodies["many"])
        _require_same(many[0], answers[:100])
        _require_same(many[1], answers[:100])
    tails = [statistics.median(told[at]["p99_ms"] for told in calm) for at in (0, 1)]
    return [
        Result("ours, 1 row", one[0]["rate"], "requests/s"),
        Result("floor, 1 row", one[1]["rate"], "requests/s"),
        Result("ours, 1 row", one[0]["cpu_ms"], "CPU ms/request"),
        Result("floor, 1 row", one[1]["cpu_ms"], "CPU ms/request"),
        _at_least("1 row, requests/s: ours / floor", one[0]["rate"] / one[1]["rate"], 0.4),
        _at_least("1 row, processor time: floor / ours", one[1]["cpu_ms"] / one[0]["cpu_ms"], 0.4),
        Result("ours at half that load, p50", statistics.median(told[0]["p50_ms"] for told in calm), "ms"),
        at_most("ours at half that load, p99", tails[0], "ms", 10),
        Result("floor at the same load, p99", tails[1], "ms"),
        Result("ours, 100 rows", many[0]["rate"], "requests/s"),
        Result("floor, 100 rows", many[1]["rate"], "requests/s"),
        _at_least("100 rows, requests/s: ours / floor", many[0]["rate"] / many[1]["rate"], 0.9),
        _at_least("100 rows, processor time: floor / ours", many[1]["cpu_ms"] / many[0]["cpu_ms"], 0.9),
    ]


def _beside_peer(
    mine: Server, peer: str, folder: Path, model: Path, records: Sequence[Mapping[str, float]], answer: float
) -> list[Result]:
    with STARTS[peer](folder, model, records[0]) as other:
        first, second = _rounds([mine, other])
        _require_same(second, [answer])
        rss = other.rss_mb
    return [
        Result(f"{peer}, 1 row", second["rate"], "requests/s"),
        Result(f"{peer}, 1 row", second["cpu_ms"], "CPU ms/request"),
        Result(f"{peer}: memory", rss, "MB"),
        _at_least(f"1 row, requests/s: ours / {peer}", first["rate"] / second["rate"], BARS[peer]),
        _at_least(f"1 row, processor time: {peer} / ours", second["cpu_ms"] / first["cpu_ms"], BARS[peer]),
    ]


def _rounds(servers: Sequence[Server], *, body: Path | None = None) -> list[dict[str, Any]]:
    """The median round of each, asked in turn."""
    for server in servers:
        server.load(body=body, seconds=WARM_S)  # longer than our log waits before it writes for the first time
    seen: list[list[dict[str, Any]]] = [[] for _ in servers]
    for _ in range(ROUNDS):
        for server, found in zip(servers, seen, strict=True):
            found.append(server.load(body=body, seconds=SECONDS))
    return [
        {
            "rate": statistics.median(one["requests"] / one["seconds"] for one in found),
            "cpu_ms": statistics.median(one["cpu_ms"] for one in found),
            "last": found[-1]["last"],
        }
        for found in seen
    ]


def _require_same(found: Mapping[str, Any], answers: Sequence[float]) -> None:
    body = found["last"].partition("\r\n\r\n")[2]
    document = json.loads(body[body.index("{") : body.rindex("}") + 1])
    numbers = document["predictions"] if "predictions" in document else document["outputs"][0]["data"]
    assert len(numbers) == len(answers), document
    assert all(abs(one - other) < 1e-6 for one, other in zip(numbers, answers, strict=True)), document


def _at_least(name: str, value: float, limit: float) -> Result:
    return Result(name, value, "x", f">= {limit:g}", value >= limit)


def _litserve(folder: Path, model: Path, record: Mapping[str, float]) -> Server:
    port, body = free_port(), _body(folder, "litserve", {"records": [record]})
    command = [str(python_of("serving_litserve")), str(FOLDER / "serving_litserve.py"), str(model), str(port)]
    return Server("litserve", command, port, path="/predict", body=body, folder=folder)


def _bentoml(folder: Path, model: Path, record: Mapping[str, float]) -> Server:
    port, body = free_port(), _body(folder, "bentoml", {"records": [record]})
    program = str(python_of("serving_bentoml").with_name("bentoml"))
    command = [program, "serve", "serving_bentoml:Scores", "--port", str(port), "--host", "127.0.0.1"]
    environment = {"MODEL": str(model), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    environment["PATH"] = f"{Path(program).parent}:{os.environ['PATH']}"
    return Server("bentoml", command, port, path="/predict", body=body, environment=environment, folder=FOLDER)


def _mlserver(folder: Path, model: Path, record: Mapping[str, float]) -> Server:
    port, place = free_port(), folder / "mlserver"
    place.mkdir()
    (place / "model.bst").write_bytes(model.read_bytes())
    settings = {
        "debug": False, "parallel_workers": 0, "http_port": port, "grpc_port": free_port(),
        "metrics_port": free_port(), "host": "127.0.0.1",
    }  # fmt: skip
    (place / "settings.json").write_text(json.dumps(settings))
    served = {
        "name": "bench",
        "implementation": "mlserver_lightgbm.LightGBMModel",
        "parameters": {"uri": "./model.bst"},
    }
    (place / "model-settings.json").write_text(json.dumps(served))
    tensor = {"name": "rows", "shape": [1, len(NAMES)], "datatype": "FP64", "data": list(record.values())}
    body = _body(folder, "mlserver", {"inputs": [tensor]})
    command = [str(python_of("serving_mlserver").with_name("mlserver")), "start", str(place)]
    return Server("mlserver", command, port, path="/v2/models/bench/infer", body=body, folder=place)


def _mlflow(folder: Path, model: Path, record: Mapping[str, float]) -> Server:
    import subprocess

    python, place, port = python_of("serving_mlflow"), folder / "mlflow", free_port()
    save = (
        "import sys, lightgbm, mlflow.lightgbm;"
        "mlflow.lightgbm.save_model(lightgbm.Booster(model_file=sys.argv[1]), sys.argv[2], pip_requirements=[])"
    )
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run(
        [str(python), "-c", save, str(model), str(place)], check=True, capture_output=True, cwd=folder, env=environment
    )
    body = _body(folder, "mlflow", {"dataframe_split": {"columns": list(record), "data": [list(record.values())]}})
    command = [str(python.with_name("mlflow")), "models", "serve", "-m", str(place), "-p", str(port)]
    variables = {"PATH": f"{python.parent}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return Server(
        "mlflow",
        [*command, "--env-manager", "local", "--workers", "1"],
        port,
        path="/invocations",
        body=body,
        environment=variables,
        folder=folder,
    )


STARTS: dict[str, Callable[[Path, Path, Mapping[str, float]], Server]] = {
    "litserve": _litserve,
    "bentoml": _bentoml,
    "mlserver": _mlserver,
    "mlflow": _mlflow,
}
