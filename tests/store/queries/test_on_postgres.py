"""Every read query gives on PostgreSQL what it gives on SQLite, over the same rows."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlmodel import SQLModel

import app.store.queries
from app.domain.errors import TrainmasterError
from app.domain.workspace import Workspace
from app.store.engine import Store
from app.store.migrate import migrate
from app.store.queries import features, trials
from app.store.queries.filter import compile_filter
from app.store.queries.runs.language import LANGUAGE
from app.store.queries.runs.pages import SORTS
from app.store.reader import Reader
from tests.postgres import Postgres
from tests.tui.seed import NOW, seed

pytestmark = pytest.mark.services
Query = Callable[..., object]
FILTERS = (
    "metrics.auc > .5 and params.learner = lightgbm",
    "metrics.auc > .5 or not state = failed",
    "params.rounds >= 100 and duration > 1",
    "tag = best or note ~ x",
    "flow in (train, ingest) and started > 2013-01-01",
)


def queries() -> dict[str, Query]:
    """Every public function of a query module that begins with a reader."""
    found: dict[str, Query] = {}
    for module in pkgutil.walk_packages(app.store.queries.__path__, "app.store.queries."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isfunction(value) and value.__module__ == module.name and not name.startswith("_"):
                parameters = list(inspect.signature(value).parameters)
                if parameters[:1] == ["reader"]:
                    found[f"{module.name.removeprefix('app.store.queries.')}.{name}"] = value
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, postgres_server: Postgres) -> Iterator[tuple[Reader, Reader]]:
    """The seeded store, and a copy of all its rows on a server."""
    lite = Store.of_file(Workspace(tmp_path_factory.mktemp("both")).store_file)
    migrate(lite)
    seed(lite)
    elsewhere = Store(postgres_server.database("copied"))
    migrate(elsewhere)
    with lite.read() as one, elsewhere.write() as other:
        other.connection().exec_driver_sql("SET session_replication_role = replica")
        for table in SQLModel.metadata.sorted_tables:
            rows = [dict(row) for row in one.connection().execute(table.select()).mappings()]
            if rows:
                other.connection().execute(table.delete())
                other.connection().execute(table.insert(), rows)
    yield lite.reader, elsewhere.reader
    elsewhere.close()
    lite.close()


def values_of(reader: Reader) -> dict[str, list[Any]]:
    """What the parameters of queries may be, by their name."""
    keys = [str(row["key"]) for row in reader.rows("SELECT key FROM run ORDER BY id DESC LIMIT 8")]
    searched = trials.experiments(reader)[0]
    one = {
        "moment": NOW, "now": NOW, "since": "2013", "until": NOW, "index": 3, "limit": 2,
        "before_key": None, "after": None,
        "depth": 2, "upstream": False, "downstream": False, "reveal": True, "unresolved_only": True,
        "descending": False,
        "scope": "machine", "days": 7, "most": 5, "after_id": 1, "after_seq": 1, "after_step": 1, "needs": 3,
        "activity": 3, "columns": 9, "metric": "auc", "alias": "production", "stage": "staging", "state": "open",
        "role": "R4", "closed": True, "rule": "late.required", "gate": "baseline", "each": 5,
        "keys": keys, "baseline": keys[0], "version": 1, "kind": "run",
        "digest": reader.value("SELECT digest FROM artifact ORDER BY digest LIMIT 1"),
        "experiment_id": searched.id, "commit": "c", "actor": "ana", "action": "model.*", "subject": "model:x",
        "before": None, "before_seq": 9, "looked_at": 9, "ids": [1, 2, 3], "receiver": "data", "yes_only": True,
        "row": features.feature_sets(reader)[0], "flow": "train",
        "name": "auc", "alert": "a", "version_id": 1, "feature_set_id": 1, "snapshot": "x", "source": "flights",
    }  # fmt: skip
    found: dict[str, list[Any]] = {name: [value] for name, value in one.items()}
    for name, sql in {
        "project": "SELECT name FROM project", "model": "SELECT name FROM model", "alert": "SELECT key FROM alert",
        "version_id": "SELECT id FROM model_version", "snapshot": "SELECT key FROM snapshot",
        "source": "SELECT DISTINCT source FROM snapshot ORDER BY source", "report": "SELECT key FROM monitor_report",
        "name": "SELECT DISTINCT name FROM signal ORDER BY name", "feature_set_id": "SELECT id FROM feature_set",
    }.items():  # fmt: skip
        found[name] = [next(iter(row.values())) for row in reader.rows(sql + " LIMIT 3")] or found[name]
    found["run"] = keys
    found["key"] = [*keys, searched.key, "auc", *found["alert"]]
    found["where"] = [compile_filter(text, LANGUAGE) for text in FILTERS]
    found["sort"] = [*SORTS, "metrics.auc"]
    return found


@pytest.mark.parametrize("name", sorted(queries()))
def test_a_query_gives_the_same_on_both(both: tuple[Reader, Reader], name: str) -> None:
    query, values = queries()[name], values_of(both[0])
    parameters = list(inspect.signature(query).parameters.values())[1:]
    needed = [one.name for one in parameters if one.default is inspect.Parameter.empty]
    free = [one.name for one in parameters if one.default is not inspect.Parameter.empty]
    calls = [{one: values[one][0] for one in needed}]
    calls += [{**calls[0], one: value} for one in needed for value in values[one][1:]]
    calls += [{**calls[0], one: value} for one in free for value in values.get(one, []) if value is not None]

    for call in calls:
        assert answer(query, both[1], call) == answer(query, both[0], call), call


def answer(query: Query, reader: Reader, call: dict[str, Any]) -> str:
    """What a query gives, or the error that it raises, as text."""
    try:
        return repr(query(reader, **call))
    except TrainmasterError as error:
        return f"{type(error).__name__}: {error.message}"
