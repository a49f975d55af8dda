"""Promotions and rollbacks under load: 200 requests a second for 60 s, 20 promotions and 5 rollbacks.

Each version gives another answer to the same record, so an answer whose number is not that of the version it names was
mixed. Latency counts from the moment a request was due; steady is the same load without a change, just before.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from app.domain.project.serving import Serving
from app.services import registry
from app.services.registry.packages import find_version
from app.services.registry.switching import Switch, active_deployment, move_production
from app.services.serving.rollouts import begin_watch
from app.services.workspaces import now, open_store
from app.store.engine import Store
from app.store.tables import ModelVersion
from benchmarks import Result, at_most
from benchmarks._serving import NAMES, PROJECT, Bench, make_model, ours

SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
RATE, PROMOTIONS, ROLLBACKS = 200.0, 20, 5


def run() -> list[Result]:
    """Steady, then with changes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench, body = Bench(folder / "workspace"), folder / "one.json"
        expected: dict[int, float] = {}
        asked = dict.fromkeys(NAMES, 0.25)
        body.write_text(json.dumps(asked))
        with open_store(bench.workspace) as store:
            for version in range(1, PROMOTIONS + 2):
                file = folder / f"model-{version}.txt"
                records, answers = make_model(file, seed=version, trees=60)
                bench.register(store, version, file, records, answers)
                expected[version] = answers_to(file, asked)
            assert len(set(expected.values())) == len(expected)
            _promote(store, bench, 1)
            with ours(bench, body) as server:
                server.load(seconds=3.0, rate=RATE)
                steady = server.load(seconds=max(3.0, SECONDS / 4), rate=RATE, keep=True)
                changes = threading.Thread(target=_change, args=(store, bench))
                changes.start()
                moved = server.load(seconds=SECONDS, rate=RATE, keep=True)
                changes.join()
        seen = moved["answers"]
        mixed = sum(count for text, count in seen.items() if not _is_whole(text, expected))
        versions = {json.loads(text)[0] for text in seen}
        return [
            Result("requests", moved["requests"], ""),
            Result("versions that answered", len(versions), ""),
            at_most("failed", moved["failed"], "answers", 0),
            at_most("mixed", mixed, "answers", 0),
            Result("steady, p99", steady["p99_ms"], "ms"),
            Result("with 20 promotions and 5 rollbacks, p99", moved["p99_ms"], "ms"),
            at_most("p99: with changes / steady", moved["p99_ms"] / steady["p99_ms"], "x", 2),
        ]


def answers_to(file: Path, record: Mapping[str, float]) -> float:
    """What a model says of a record."""
    import lightgbm

    return float(lightgbm.Booster(model_file=file).predict([list(record.values())])[0])


def _is_whole(text: str, expected: Mapping[int, float]) -> bool:
    version, predictions = json.loads(text)
    return abs(expected[version] - predictions[0]) < 1e-9


def _change(store: Store, bench: Bench) -> None:
    """Promotions evenly over the time, and after every fourth one a rollback."""
    pause_s, version = SECONDS / (PROMOTIONS + ROLLBACKS + 1), 1
    for step in range(PROMOTIONS):
        time.sleep(pause_s)
        version += 1
        _promote(store, bench, version)
        if step % 4 == 3:
            time.sleep(pause_s)
            registry.rollback(store, PROJECT, by="bench", reason="the benchmark goes back")


def _promote(store: Store, bench: Bench, version: int) -> None:
    with store.write(durable=True) as session:
        target: ModelVersion = find_version(session, PROJECT, version)
        current, active = registry.production_version(session, PROJECT), active_deployment(session, bench.ids[0])
        wish = Switch(
            bench.ids[0], PROJECT, current.version if current else None, "bench", "the benchmark promotes",
            "model.promoted", "bench", gated=False, previous=active.id if active else None,
        )  # fmt: skip
        before = active.version_id if active else None
        move_production(session, target, wish, now=now())
        if before is not None:  # as the deploy flow does: the version before stands by
            begin_watch(session, target.id or 0, before, Serving(), project_id=bench.ids[0], run_id=None)
