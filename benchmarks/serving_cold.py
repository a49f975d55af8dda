"""From the start of the process to the first answer: ours beside a bare FastAPI application with LightGBM.

Both run in the environment of the product (with pandas and scikit-learn, which LightGBM imports), five times in turn.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from app.services.workspaces import open_store
from benchmarks import Result, at_most
from benchmarks._serving import Bench, Server, free_port, make_model, ours
from benchmarks.peers import FOLDER

ROUNDS = 5


def run() -> list[Result]:
    """Medians of five starts each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, body = folder / "model.txt", folder / "one.json"
        records, answers = make_model(model)
        body.write_text(json.dumps(records[0]))
        bench = Bench(folder / "workspace")
        with open_store(bench.workspace) as store:
            bench.activate(store, bench.register(store, 1, model, records, answers))
        mine, bare, memory = [], [], []
        for _ in range(ROUNDS):
            with ours(bench, body) as server:
                mine.append((server.cold_s, server.cpu_s))
                memory.append(server.rss_mb)
            port = free_port()
            command = [sys.executable, str(FOLDER / "serving_fastapi.py"), str(model), str(port)]
            with Server("fastapi", command, port, path="/predict", body=body) as server:
                bare.append((server.cold_s, server.cpu_s))
        first, second = (statistics.median(one[0] for one in seen) for seen in (mine, bare))
        first_cpu, second_cpu = (statistics.median(one[1] for one in seen) for seen in (mine, bare))
        return [
            Result("ours: start to first answer", first, "s"),
            Result("bare FastAPI with LightGBM", second, "s"),
            at_most("start to first answer: ours / bare", first / second, "x", 1.5),
            at_most("processor time until then: ours / bare", first_cpu / second_cpu, "x", 1.5),
            Result("ours: memory after the first answer", statistics.median(memory), "MB"),
        ]
