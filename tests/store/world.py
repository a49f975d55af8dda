"""A small whole world in a store: two snapshots, features, a model in production, a drift alert and its retrain."""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert
from sqlmodel import Session

from app.domain.ids import Ref
from app.domain.states import AlertState, CauseKind, DeploymentState, RunState, ServiceState, Severity, Stage, TaskState
from app.store import artifacts, audit, holders, ledger, lineage
from app.store.engine import Store
from app.store.tables import (
    Alert,
    CharterVersion,
    Decision,
    Deployment,
    FeatureSet,
    GateResult,
    LogLine,
    Model,
    ModelVersion,
    MonitorReport,
    PredictionBatch,
    Project,
    QuarantinedRow,
    ResourceSample,
    Run,
    Service,
    Signal,
    Snapshot,
    SourceFile,
    StageTransition,
)
from tests.once import once

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
CHARTER = json.dumps({"problem": {"task": "binary", "metric": "auc"}})


@dataclass
class World:
    """The keys of what was made."""

    project: str = "flight-delay"
    runs: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)
    deployment: str = "d" * 12
    report: str = "e" * 12
    alert: str = "a1" * 6
    decision: str = "dec" * 4
    batch: str = "ba7" * 4
    commit: str = "c0ffee" * 6 + "abcd"
    rules: str = "1f" * 6


def make_world(store: Store) -> World:
    """A store with the world in it."""
    return deepcopy(once(store, lambda: write_world(store)))


def write_world(store: Store) -> World:
    """Write the world in one transaction."""
    world = World()
    with store.write() as session:
        _Maker(session, world).make()
    return world


def add_run(
    session: Session,
    project_id: int,
    flow: str,
    *,
    at: datetime = BEGIN,
    state: RunState = RunState.COMPLETED,
    error: str = "",
    by: str = "ana",
    cause: CauseKind = CauseKind.PERSON,
    cause_key: str | None = None,
) -> Run:
    """A run that went through its states; one that is left running has a lease of this process."""
    run = ledger.request_run(
        session, flow=flow, project_id=project_id, requested_by=by, now=at, cause=cause, cause_key=cause_key
    )
    if state is RunState.REQUESTED:
        return run
    assert run.id is not None
    ledger.start_run(session, run, now=at + timedelta(seconds=1), holder=holders.this_process(), stages=2)
    for ordinal, name in enumerate(["first", "second"]):
        task = ledger.begin_task(session, run.id, name, ordinal, now=at + timedelta(seconds=2 + ordinal))
        if state is RunState.COMPLETED:
            ledger.finish_task(
                session, task, TaskState.COMPLETED, now=at + timedelta(seconds=3 + ordinal), duration_s=1.0, says="ok"
            )
    if state is not RunState.RUNNING:
        ledger.finish_run(session, run, state, now=at + timedelta(seconds=9), duration_s=8.0, error=error)
    return run


class _Maker:
    def __init__(self, session: Session, world: World) -> None:
        self.session, self.world = session, world

    def keep(self, content: str) -> str:
        return artifacts.put(self.session, content.encode(), kind="thing", media_type="text/plain", now=BEGIN)

    def add(self, row: object) -> int:
        self.session.add(row)
        self.session.flush()
        number = getattr(row, "id", None)
        return int(number) if number is not None else 0

    def run(self, flow: str, day: int, **more: object) -> tuple[int, str]:
        run = add_run(self.session, self.project_id, flow, at=BEGIN + timedelta(days=day), **more)  # type: ignore[arg-type]
        self.world.runs[flow] = run.key
        assert run.id is not None
        return run.id, run.key

    def make(self) -> None:
        session, world = self.session, self.world
        self.project_id = self.add(Project(name=world.project, title="Flights", created_at=BEGIN))
        self.add(
            CharterVersion(project_id=self.project_id, version=1, digest="0" * 64, document=CHARTER, created_at=BEGIN)
        )
        ingest, _ = self.run("ingest", 0)
        for at, (source, rows, bad) in enumerate([("flights", 100, 10), ("weather", 50, 0)]):
            self.snapshot(ingest, at, source, rows, bad)
        features, _ = self.run("features", 1)
        views = {
            "schedule": {"table": "schedule", "version": 0, "rows": 90, "columns": [{"name": "hour", "kind": "number"}]}
        }
        self.features_id = self.add(
            FeatureSet(
                project_id=self.project_id,
                run_id=features,
                version=1,
                digest="f" * 64,
                rules_digest=world.rules * 5 + "abcd",
                rows=90,
                views=json.dumps(views),
                snapshots=json.dumps(list(world.snapshots.values())),
                created_at=BEGIN + timedelta(days=1),
            )
        )
        train, train_key = self.run("train", 2)
        self.session.connection().execute(
            insert(LogLine),
            [{"run_id": train, "seq": at, "at": BEGIN, "level": "info", "says": f"line {at}"} for at in range(5)],
        )
        self.session.connection().execute(
            insert(ResourceSample),
            [{"run_id": train, "seq": 0, "at": BEGIN, "cpu_percent": 50.0, "rss_bytes": 3 << 30}],
        )
        ledger.log_parameters(session, train, {"rounds": 300})
        ledger.log_metrics(
            session, train, {"auc": 0.72, "log_loss": 0.4, "slice.origin=JFK.auc": 0.7, "odd": float("nan")}
        )
        ledger.log_points(session, train, "auc", [(1, 0.6), (2, 0.7)])
        model_id = self.add(Model(name=world.project, project_id=self.project_id, created_at=BEGIN))
        first = self.version(model_id, 1, train, Stage.PRODUCTION)
        deploy, _ = self.run("deploy", 3)
        self.deploy(first, deploy)
        self.watch(first)
        session.add(Service(name="watcher", state=ServiceState.UP, pid=1, since=BEGIN))
        retrain, retrain_key = self.run("train", 6, cause=CauseKind.ALERT, cause_key=world.alert)
        world.runs["train"], world.runs["retrain"] = train_key, retrain_key
        self.version(model_id, 2, retrain, Stage.STAGING)
        self.decide(retrain)
        self.link()
        audit.record(session, actor="ana", action="model.promoted", subject=f"model:{world.project}/1", now=BEGIN)
        audit.record(
            session, actor="ana", action="alert.seen", subject=f"alert:{world.alert}", now=BEGIN, details={"a": 1}
        )

    def snapshot(self, run: int, at: int, source: str, rows: int, bad: int) -> None:
        content = self.keep(f"rows of {source}")
        key = f"{at:012x}"
        self.world.snapshots[source] = key
        number = self.add(
            Snapshot(
                key=key,
                project_id=self.project_id,
                run_id=run,
                source=source,
                digest=content,
                artifact=content,
                rows_in=rows,
                rows=rows - bad,
                quarantined=bad,
                watermark="2013-03-31",
                time_to=BEGIN,
                created_at=BEGIN,
            )
        )
        self.add(
            SourceFile(
                project_id=self.project_id,
                snapshot_id=number,
                source=source,
                path=f"incoming/{source}.parquet",
                digest=content,
                size_bytes=10,
                rows=rows,
            )
        )
        for row in range(bad):
            self.add(QuarantinedRow(snapshot_id=number, row_number=row, rule="late is missing", reason="cancelled"))

    def version(self, model: int, number: int, run: int, stage: Stage) -> int:
        version = self.add(
            ModelVersion(
                model_id=model,
                version=number,
                stage=stage,
                run_id=run,
                feature_set_id=self.features_id,
                digest=f"{number:064x}",
                commit=self.world.commit,
                created_at=BEGIN + timedelta(days=number),
                model_bytes=self.keep(f"model {number}"),
                manifest=self.keep(f"manifest {number}"),
                canary=self.keep(f"canary {number}"),
                profile=self.keep(f"profile {number}"),
            )
        )
        for gate, passed in (("baseline", True), ("clean_commit", number == 1)):
            self.add(GateResult(version_id=version, gate=gate, passed=passed, value=0.1, evaluated_at=BEGIN))
        self.add(
            StageTransition(
                version_id=version,
                from_stage=Stage.NONE,
                to_stage=stage,
                actor="ana",
                reason="better",
                created_at=BEGIN,
            )
        )
        return version

    def deploy(self, version: int, run: int) -> None:
        self.add(
            Deployment(
                key=self.world.deployment,
                project_id=self.project_id,
                version_id=version,
                run_id=run,
                state=DeploymentState.ACTIVE,
                created_at=BEGIN,
                changed_at=BEGIN,
            )
        )

    def watch(self, version: int) -> None:
        predict, _ = self.run("predict", 4)
        self.add(
            PredictionBatch(
                key=self.world.batch,
                project_id=self.project_id,
                version_id=version,
                feature_set_id=self.features_id,
                run_id=predict,
                artifact=self.keep("predictions"),
                rows=30,
                created_at=BEGIN,
            )
        )
        monitor, _ = self.run("monitor", 5)
        report = self.add(
            MonitorReport(
                key=self.world.report,
                project_id=self.project_id,
                version_id=version,
                run_id=monitor,
                rows=30,
                labelled_rows=30,
                digest="9" * 64,
                profile=self.keep("profile now"),
                created_at=BEGIN + timedelta(days=5),
            )
        )
        for name, value, breached in (("auc", 0.65, True), ("psi.hour", 0.1, False)):
            self.add(
                Signal(
                    report_id=report,
                    name=name,
                    kind="quality",
                    value=value,
                    limit_value=0.7,
                    direction="low",
                    breached=breached,
                )
            )
        self.alert_id = self.add(
            Alert(
                key=self.world.alert,
                project_id=self.project_id,
                version_id=version,
                report_id=report,
                signal="auc",
                severity=Severity.CRITICAL,
                state=AlertState.OPEN,
                says="auc .65 < .70",
                opened_at=BEGIN,
                last_seen_at=BEGIN,
            )
        )

    def decide(self, run: int) -> None:
        self.add(
            Decision(
                key=self.world.decision,
                project_id=self.project_id,
                alert_id=self.alert_id,
                retrain=True,
                reason="auc is in retrain_on",
                decided_at=BEGIN,
                run_id=run,
            )
        )

    def link(self) -> None:
        world, name = self.world, self.world.project
        features, first = Ref("features", f"{name}/v1"), Ref("model", f"{name}/1")
        edges = [
            (Ref("source", f"{name}/{source}"), Ref("snapshot", key), "extracted")
            for source, key in world.snapshots.items()
        ]
        edges += [(Ref("snapshot", key), features, "built") for key in world.snapshots.values()]
        train, retrain = Ref("run", world.runs["train"]), Ref("run", world.runs["retrain"])
        report, alert, decision = (
            Ref("report", world.report),
            Ref("alert", world.alert),
            Ref("decision", world.decision),
        )
        edges += [
            (Ref("rules", world.rules), features, "computed_by"),
            (Ref("commit", world.commit), train, "code"),
            (Ref("commit", world.commit), retrain, "code"),
            (features, train, "trained_on"),
            (train, first, "produced"),
            (first, Ref("deployment", world.deployment), "deployed"),
            (first, Ref("predictions", world.batch), "predicted"),
            (features, Ref("predictions", world.batch), "predicted_on"),
            (Ref("predictions", world.batch), report, "watched"),
            (report, alert, "opened"),
            (alert, decision, "decided"),
            (decision, retrain, "caused"),
            (features, retrain, "trained_on"),
            (retrain, Ref("model", f"{name}/2"), "produced"),
        ]
        lineage.link(self.session, edges, now=BEGIN)
