"""A store with ten thousand runs, made once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.domain.states import RunState
from app.store.bulk import FinishedRun, import_runs
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.reader import Reader
from app.store.tables import CharterVersion, Project
from tests.store.world import BEGIN, CHARTER

STATES = (RunState.COMPLETED, RunState.COMPLETED, RunState.FAILED, RunState.CANCELLED)
MANY = 10_000


def run_number(number: int) -> FinishedRun:
    """Runs that differ in everything a list can sort or filter by; every fifth has no duration and no metric."""
    odd = number % 5 == 0
    return FinishedRun(
        flow=("train", "ingest", "features")[number % 3],
        requested_at=BEGIN + timedelta(seconds=number),
        started_at=None if odd else BEGIN + timedelta(seconds=number * 7 % 5000),
        finished_at=None if odd else BEGIN + timedelta(seconds=number * 7 % 5000 + 9),
        duration_s=None if odd else float(number * 13 % 101),
        state=STATES[number % 4],
        requested_by=("ana", "ben")[number % 2],
        parameters={"rounds": number % 10, "name": f"x{number % 10}"},
        metrics={} if odd else {"auc": (number * 31 % 997) / 997, "log_loss": 0.4},
        error="ValueError: 3 classes" if number % 4 == 2 else "",
        key=f"{number:012x}",
    )


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader of ten thousand runs of two projects."""
    file: Path = tmp_path_factory.mktemp("many") / "store.db"
    store = Store.of_file(file)
    migrate(store)
    with store.write() as session:
        for number, name in enumerate(["flight-delay", "churn"], start=1):
            session.add(Project(id=number, name=name, created_at=BEGIN))
            session.flush()
            session.add(
                CharterVersion(project_id=number, version=1, digest="0" * 64, document=CHARTER, created_at=BEGIN)
            )
        import_runs(session, map(run_number, range(MANY - 100)), project_id=1)
        import_runs(session, map(run_number, range(MANY - 100, MANY)), project_id=2)
    yield store.reader
    store.close()
