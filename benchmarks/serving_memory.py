"""Memory over a million requests: what the process holds after the first twentieth is what it holds at the end."""

import json
import os
import tempfile
from pathlib import Path

from app.services.workspaces import open_store
from benchmarks import Result, at_most
from benchmarks._serving import Bench, make_model, ours

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "1000000"))
PARTS = 20


def run() -> list[Result]:
    """Resident memory after each twentieth, with log and metrics on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, body = folder / "model.txt", folder / "one.json"
        records, answers = make_model(model)
        body.write_text(json.dumps(records[0]))
        bench = Bench(folder / "workspace")
        with open_store(bench.workspace) as store:
            bench.activate(store, bench.register(store, 1, model, records, answers))
        with ours(bench, body) as server:
            seen = []
            for _ in range(PARTS):
                server.load(requests=REQUESTS // PARTS)
                seen.append(server.rss_mb)
        settled = max(seen[1 : PARTS // 4])
        return [
            Result("requests", REQUESTS, ""),
            Result("memory after the first twentieth", seen[0], "MB"),
            Result("memory at the end", seen[-1], "MB"),
            at_most("memory: at the end / in the first quarter", max(seen[-3:]) / settled, "x", 1.05),
        ]
