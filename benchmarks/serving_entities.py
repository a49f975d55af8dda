"""What looking an entity up in the online store adds to an answer: by entity beside by record, in turn.

One view with a row for each of 50,000 entities, in SQLite as by default; one connection, so that nothing waits.
"""

import json
import os
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path

from app.features.online import OnlineView, RowSet, micros
from app.features.online_sqlite import SqliteOnline
from app.services.workspaces import now, open_store
from benchmarks import Result, at_most
from benchmarks._serving import NAMES, PROJECT, Bench, make_model, ours

ENTITIES = 50_000
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


def run() -> list[Result]:
    """Medians of rounds; processor time beside latency, as others may keep the machine busy."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.txt"
        records, answers = make_model(model)
        bodies = {"record": folder / "record.json", "entity": folder / "entity.json"}
        bodies["record"].write_text(json.dumps({"records": [records[0]]}))
        bodies["entity"].write_text(json.dumps({"entity": {"id": "e7"}}))
        bench = Bench(folder / "workspace")
        _publish(bench, list(records[0].values()))
        with open_store(bench.workspace) as store:
            bench.activate(store, bench.register(store, 1, model, records, answers, view="facts"))
        seen: dict[str, list[tuple[float, float]]] = {kind: [] for kind in bodies}
        with ours(bench, bodies["record"]) as server:
            for body in bodies.values():
                server.load(body=body, connections=1, seconds=1.0)
            for _ in range(ROUNDS):
                for kind, body in bodies.items():
                    found = server.load(body=body, connections=1, seconds=SECONDS)
                    told = json.loads(found["last"].partition("\r\n\r\n")[2])
                    assert abs(told["predictions"][0] - answers[0]) < 1e-9, told
                    seen[kind].append((found["p50_ms"], found["cpu_ms"]))
        p50 = {kind: statistics.median(one[0] for one in rounds) for kind, rounds in seen.items()}
        cpu = {kind: statistics.median(one[1] for one in rounds) for kind, rounds in seen.items()}
        return [
            Result("by record, p50", p50["record"], "ms"),
            Result("by entity, p50", p50["entity"], "ms"),
            at_most("an entity adds, p50", p50["entity"] - p50["record"], "ms", 0.3),
            at_most("an entity adds, processor time", cpu["entity"] - cpu["record"], "ms", 0.3),
        ]


def _publish(bench: Bench, values: list[float]) -> None:
    moment = now()
    online = SqliteOnline(bench.workspace.online_file)
    kinds = ("number",) * len(NAMES)
    view = OnlineView(
        PROJECT, "facts", False, ("id",), ("text",), NAMES, kinds, "at", None,
        int(timedelta(days=9).total_seconds() * 1e6), 1, "", ENTITIES, 0, moment.isoformat(),
    )  # fmt: skip
    event = micros(moment - timedelta(hours=1))
    online.publish(PROJECT, [RowSet(view, [(f"e{at}", event, None, *values) for at in range(ENTITIES)])], now=moment)
    online.close()
