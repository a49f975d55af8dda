"""MLflow's layout, out and in: with MLflow's own client, and around once without loss."""

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import BadInput, NotFound, Refused
from app.services.runs import note, tag
from app.services.runs.mlflow import export_runs, import_mlflow
from app.store import ledger
from app.store.engine import Store
from app.store.queries.content import content_of
from app.store.queries.runs import (
    metrics_of,
    notes_of,
    page_of_runs,
    parameters_of,
    point_keys_of,
    points_of,
    run_detail,
    run_filter,
    tags_of,
)
from app.store.tables import Project
from tests.store.world import BEGIN, add_run, make_world

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"


@pytest.fixture(scope="module")
def client() -> Any:
    """MLflow's client class."""
    from mlflow.tracking import MlflowClient

    return MlflowClient


@pytest.fixture
def other(second_store: Store) -> Store:
    """A second, empty store with one project."""
    with second_store.write() as session:
        session.add(Project(id=1, name="flight-delay", created_at=BEGIN))
    return second_store


@pytest.fixture(scope="module")
def theirs(client: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of MLflow's own database with runs: it takes seconds to make one."""
    folder = tmp_path_factory.mktemp("theirs")
    foreign(client, f"sqlite:///{folder}/mlflow.db", f"file://{folder}/files")
    return f"sqlite:///{folder}/mlflow.db"


def foreign(client: Any, uri: str, files: str) -> list[str]:
    """Two runs that MLflow wrote itself, and one that it still runs."""
    mlflow = client(tracking_uri=uri)
    experiment = mlflow.create_experiment("risk", artifact_location=files)
    keys = []
    for at in range(2):
        run = mlflow.create_run(experiment, run_name=f"run {at}", tags={"team": "risk"}, start_time=1_600_000_000_000)
        key = run.info.run_id
        mlflow.log_param(key, "rounds", 300 + at)
        mlflow.log_param(key, "model/learner", "lightgbm\r\nand more")
        for step in range(3):
            mlflow.log_metric(key, "auc", 0.7 + step / 100, step=step, timestamp=1_600_000_000_000 + step)
        mlflow.log_metric(key, "odd", float("nan"), step=0)
        mlflow.log_metric(key, "far", float("-inf"), step=0)
        mlflow.log_text(key, "hello", "notes/hello.txt")
        mlflow.set_tag(key, "mlflow.note.content", "looks good")
        mlflow.set_terminated(key, "FINISHED" if at == 0 else "FAILED", end_time=1_600_000_009_000)
        keys.append(key)
    mlflow.create_run(experiment)
    return keys


@pytest.mark.parametrize("kind", ["folder", "sqlite"])
def test_runs_that_mlflow_wrote_come_in_with_everything(
    client: Any, theirs: str, other: Store, tmp_path: Path, kind: str
) -> None:
    if kind == "folder":
        foreign(client, f"file://{tmp_path}/mlruns", f"file://{tmp_path}/elsewhere")
        for run in tmp_path.glob("mlruns/*/*/artifacts"):  # where the client puts files unless it is told otherwise
            moved = tmp_path / "elsewhere" / run.parent.name / "artifacts"
            if moved.is_dir():
                shutil.copytree(moved, run, dirs_exist_ok=True)

    done = import_mlflow(other, f"{tmp_path}/mlruns" if kind == "folder" else theirs, project_id=1, by="ana")

    assert (len(done.runs), done.known, done.unfinished, done.overwritten_points) == (2, 0, 1, 0)
    good, bad = sorted(done.runs, key=lambda key: run_detail(other.reader, key).row.state)
    assert run_detail(other.reader, good).row.duration_s == 9.0
    assert run_detail(other.reader, bad).row.state == "failed"
    assert parameters_of(other.reader, good) == {"model/learner": "lightgbm\r\nand more", "rounds": "300"}
    assert str(metrics_of(other.reader, good)) == "{'auc': 0.72, 'far': -inf, 'odd': nan}"
    assert [(p.step, p.value) for p in points_of(other.reader, good, "auc")] == [(0, 0.7), (1, 0.71), (2, 0.72)]
    assert tags_of(other.reader, good)["team"] == "risk"
    assert [row.says for row in notes_of(other.reader, good)] == ["looks good"]
    assert files_of(other, good) == {"notes/hello.txt": b"hello"}
    assert [r.key for r in page_of_runs(other.reader, where=run_filter("params.rounds = 301")).rows] == [bad]


def test_a_second_import_adds_only_what_is_new(theirs: str, other: Store) -> None:
    import_mlflow(other, theirs, project_id=1, by="ana")

    again = import_mlflow(other, theirs, project_id=1, by="ana")

    assert (again.runs, again.known) == ((), 2)
    assert "2 known already" in again.says


def ours(store: Store) -> dict[str, str]:
    world = make_world(store)
    with store.write() as session:
        run = ledger.find_run(session, world.runs["retrain"])
        run.seed, run.commit, run.dirty, run.environment = 7, "ab" * 20, True, '{"python":"3.11"}'
        session.add(run)
        assert run.id is not None
        ledger.log_parameters(session, run.id, {"rounds": 300, "a/b": "ü\n\r\nx", "..": "dots", "a": "nested"})
        ledger.log_metrics(session, run.id, {"auc": 0.8, "slice.origin=JFK.auc": 0.7, "nan": float("nan"), "AUC": 0.1})
        ledger.log_points(session, run.id, "auc", [(0, 0.1), (1, float("inf")), (5, 0.9)])
        ledger.log_points(session, run.id, "only", [(-2, 1.0)])
    tag(store, world.runs["retrain"], {"candidate": "", "team": "risk"}, by="ana")
    note(store, world.runs["retrain"], "first", by="ana")
    return world.runs


def test_mlflows_client_reads_what_was_exported(client: Any, store: Store, tmp_path: Path) -> None:
    runs = ours(store)
    with store.write() as session:
        add_run(session, 1, "train").key  # noqa: B018  a finished one more

    done = export_runs(store, tmp_path / "mlruns")

    mlflow = client(tracking_uri=f"file://{tmp_path}/mlruns")
    [experiment] = [e for e in mlflow.search_experiments() if e.name == "flight-delay"]
    found = {run.info.run_id: run for run in mlflow.search_runs([experiment.experiment_id])}
    run = found[runs["retrain"]]
    assert len(found) == done.runs
    assert run.info.status == "FINISHED"
    assert run.data.params["rounds"] == "300"
    assert run.data.metrics["auc"] == 0.8
    assert run.data.metrics["slice.origin_JFK.auc"] == 0.7
    assert run.data.tags["team"] == "risk"
    assert run.data.tags["mlflow.note.content"] == "first"
    assert [point.step for point in mlflow.get_metric_history(runs["retrain"], "auc")] == [0, 1, 5, 5]
    assert {f.path for f in mlflow.list_artifacts(runs["train"])} == {"model-v1"}
    assert Path(mlflow.download_artifacts(runs["train"], "model-v1/model")).read_text() == "model 1"


def test_around_once_keeps_every_run_as_it_was(store: Store, other: Store, tmp_path: Path) -> None:
    runs = ours(store)

    export_runs(store, tmp_path / "mlruns")
    import_mlflow(other, str(tmp_path / "mlruns"), project_id=1, by="ana")
    export_runs(other, tmp_path / "again")

    for key in runs.values():
        before, after = run_detail(store.reader, key), run_detail(other.reader, key)
        for name in ("flow", "state", "cause", "requested_by", "requested_at", "started_at", "finished_at",
                     "duration_s", "error", "tags"):  # fmt: skip
            assert name != "tags" or set(before.row.tags) <= set(after.row.tags)
            assert name == "tags" or getattr(before.row, name) == getattr(after.row, name), (key, name)
        assert (before.seed, before.commit, before.dirty) == (after.seed, after.commit, after.dirty)
        assert (before.environment, before.parameters) == (after.environment, after.parameters)
        assert parameters_of(store.reader, key) == parameters_of(other.reader, key)
        assert str(metrics_of(store.reader, key)) == str(metrics_of(other.reader, key))
        assert point_keys_of(store.reader, key) == point_keys_of(other.reader, key)
        for metric in point_keys_of(store.reader, key):
            assert points_of(store.reader, key, metric) == points_of(other.reader, key, metric)
    assert [row.says for row in notes_of(other.reader, runs["retrain"])] == ["first"]
    assert (tmp_path / "again" / "x").parent.is_dir()
    assert files_of(other, runs["train"])["model-v1/model"] == b"model 1"


def test_an_export_is_whole_or_absent(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours(store)
    written = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        if self.name == "canary.json":
            raise OSError(28, "No space left on device")
        return written(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)

    with pytest.raises(Refused, match="No space left"):
        export_runs(store, tmp_path / "mlruns")

    assert list(tmp_path.glob("*mlruns*")) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(Refused, match="is there already"):
        export_runs(store, tmp_path / "there")


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("1/ab/meta.yaml", "a: [", "not YAML"),
        ("1/ab/meta.yaml", "[]", "no meta.yaml"),
        ("1/ab/meta.yaml", "run_id: ab\nstatus: many\n", "no run of MLflow"),
        ("1/ab/metrics/auc", "now much\n", "is no point of a metric"),
        ("1/ab/params/x", b"\xff", "not UTF-8"),
    ],
)
def test_a_broken_file_is_named_and_nothing_comes_in(
    other: Store, tmp_path: Path, file: str, content: str | bytes, says: str
) -> None:
    run = tmp_path / "mlruns" / "1" / "ab"
    for name in ("params", "metrics", "tags", "artifacts"):
        (run / name).mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("name: x\n")
    (run / "meta.yaml").write_text("run_id: ab\nstatus: 3\nstart_time: 0\nend_time: 1\n")
    target = tmp_path / "mlruns" / file
    target.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(BadInput, match=says) as caught:
        import_mlflow(other, str(tmp_path / "mlruns"), project_id=1, by="ana")

    assert file in str(caught.value.where)
    assert page_of_runs(other.reader).rows == ()


def test_links_and_folders_outside_are_not_followed(other: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("secret")
    run = tmp_path / "mlruns" / "1" / "ab"
    for name in ("params", "metrics", "tags", "artifacts"):
        (run / name).mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("name: x\n")
    (run / "meta.yaml").write_text(f"run_id: ab\nstatus: 3\nartifact_uri: file://{secret}\n")
    (run / "artifacts" / "link.txt").symlink_to(secret / "key.txt")
    (run / "artifacts" / "folder").symlink_to(secret)
    (run / "params" / "stolen").symlink_to(secret / "key.txt")
    base = tmp_path / "base" / "mlflow.db"
    base.parent.mkdir()
    with sqlite3.connect(base) as connection:
        connection.executescript(f"""
            CREATE TABLE experiments (experiment_id, name); INSERT INTO experiments VALUES (1, 'x');
            CREATE TABLE runs (run_uuid, experiment_id, status, start_time, end_time, user_id, artifact_uri, lifecycle_stage);
            INSERT INTO runs VALUES ('cd', 1, 'FINISHED', 0, 1, 'u', 'file://{secret}', 'active');
            CREATE TABLE params (key, value, run_uuid); CREATE TABLE tags (key, value, run_uuid);
            CREATE TABLE metrics (key, value, timestamp, step, is_nan, run_uuid);
        """)  # noqa: E501

    folder = import_mlflow(other, str(tmp_path / "mlruns"), project_id=1, by="ana")
    database = import_mlflow(other, f"sqlite:///{base}", project_id=1, by="ana")

    assert files_of(other, folder.runs[0]) == {}
    assert parameters_of(other.reader, folder.runs[0]) == {}
    assert files_of(other, database.runs[0]) == {}


def test_what_is_not_there_is_said(other: Store, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.db").write_text("no database" * 100)

    for source, kind in (
        (tmp_path / "none", NotFound),
        (tmp_path / "empty", NotFound),
        (tmp_path / "text.db", BadInput),
    ):
        with pytest.raises(kind):
            import_mlflow(other, str(source), project_id=1, by="ana")


def files_of(store: Store, key: str) -> dict[str, bytes]:
    sql = "SELECT a.path, a.artifact FROM run_artifact a JOIN run r ON r.id = a.run_id WHERE r.key = :key"
    return {row["path"]: content_of(store.reader, row["artifact"]) for row in store.reader.rows(sql, {"key": key})}
