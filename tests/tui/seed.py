"""A store for screens: a year of a project's life in rows, the same every time, with hostile texts where texts are."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import insert
from sqlmodel import Session

from app.domain.states import AlertState, CauseKind, DeploymentState, RunState, ServiceState, Severity, Stage, TaskState
from app.store import artifacts, audit
from app.store.engine import Store
from app.store.tables import (
    Alert,
    Alias,
    AliasMove,
    Approval,
    Decision,
    Deployment,
    FeatureSet,
    GateResult,
    LogLine,
    Metric,
    MetricPoint,
    Model,
    ModelVersion,
    MonitorReport,
    OnlinePublish,
    Parameter,
    PredictionBatch,
    Project,
    QuarantinedRow,
    ResourceSample,
    Run,
    Service,
    Signal,
    SkewCheck,
    Snapshot,
    SourceFile,
    StageTransition,
    Task,
    TrainingSet,
    Waiver,
)
from tests.tui.seed_ci import seed_ci
from tests.tui.seed_health import seed_health
from tests.tui.seed_judgement import manifest_of
from tests.tui.seed_trials import search_run, seed_trials
from tests.tui.seed_words import NOW, ago, digest_of

HOSTILE = "\x1b]52;c;aGFjaw==\x07 [/x] [@click=app.quit]click[/] \u202egnp.exe\u200b\x9b31m\nnext"
FLOWS = ("train", "predict", "monitor", "features", "ingest", "deploy")


@dataclass(frozen=True)
class Seeded:
    """Keys of what was written."""

    running: str
    failed: str
    alert: str
    model: str = "flight-delay"


def seed(store: Store, *, runs: int = 40, hostile: bool = False) -> Seeded:
    """Fill a store: `runs` older runs, one running, one failed, a champion, a challenger, alerts, services."""
    evil = HOSTILE if hostile else ""
    with store.write() as session:
        project = Project(name="flight-delay", title="Flight delay", created_at=ago(days=90))
        session.add(project)
        session.flush()
        assert project.id is not None
        seed_ci(session, project.id, evil)
        search = search_run(session, project.id)
        old = _runs(session, project.id, runs)
        running, failed = _now_running(session, project.id, evil)
        snapshots = _data(session, project.id, old[0], evil)
        features = _features(session, project.id, old[0], snapshots)
        seed_trials(session, project.id, search, features, evil)
        versions = _versions(session, project.id, features, old)
        alert = _monitoring(session, project.id, versions[2], old[0], evil)
        _services(session)
        for action, subject, when, reason in (
            ("snapshot.extracted", "snapshot:a1b2c3d4e5f6", ago(days=2), ""),
            ("model.promoted", "model:flight-delay/3", ago(hours=3), "better recall on new-region customers"),
            ("alert.opened", f"alert:{alert}", ago(minutes=22), ""),
            ("run.failed", f"run:{failed}", ago(minutes=31), evil or "LightGBM: 3 classes in y, not 2"),
        ):
            audit.record(session, actor="ana", action=action, subject=subject, now=when, reason=reason)
    return Seeded(running, failed, alert)


def _runs(session: Session, project: int, count: int) -> list[int]:
    rows = []
    for at in range(count):
        flow = FLOWS[at % len(FLOWS)]
        state = RunState.CRASHED if at % 41 == 7 else RunState.FAILED if at % 13 == 5 else RunState.COMPLETED
        begun = ago(hours=2 + (count - at) * 0.7)
        lasted = 4.0 + (at * 37 % 300) + 0.25
        rows.append(
            {
                "key": digest_of(f"run {at}")[:12],
                "flow": flow,
                "project_id": project,
                "state": state,
                "cause": CauseKind.PERSON if at % 3 else CauseKind.RUN,
                "cause_key": None,
                "requested_by": "ana" if at % 2 else "watcher",
                "requested_at": begun,
                "started_at": begun + timedelta(seconds=1),
                "finished_at": begun + timedelta(seconds=1 + lasted),
                "duration_s": lasted,
                "parameters": "{}",
                "environment": "{}",
                "commit": digest_of(f"commit {at // 9}")[:40],
                "dirty": False,
                "seed": 7,
                "stages": 5,
                "stages_done": 5 if state is RunState.COMPLETED else 2,
                "error": "" if state is RunState.COMPLETED else "ValueError: 3 classes in y, not 2",
                "next_step": "" if state is RunState.COMPLETED else "trainmaster data ls",
                "peak_rss_bytes": 300_000_000 + at * 1000,
            }
        )
    connection = session.connection()
    connection.execute(insert(Run), rows)
    found = [
        int(row[0])
        for row in connection.exec_driver_sql("SELECT id FROM run WHERE flow NOT IN ('ci', 'experiment') ORDER BY id")
    ]
    metrics = []
    for at, run in enumerate(found):
        if at % len(FLOWS) == 0:
            value = 0.70 + 0.02 * math.sin(at / 7)
            metrics.append({"run_id": run, "key": "auc", "value": value, "special": None})
            metrics.append({"run_id": run, "key": "log_loss", "value": 0.42 - value / 10, "special": None})
            metrics.append({"run_id": run, "key": "baseline.auc", "value": 0.61, "special": None})
            metrics.append({"run_id": run, "key": "production.auc", "value": value - 0.004, "special": None})
            metrics.append({"run_id": run, "key": "production.log_loss", "value": 0.349 - at / 1e5, "special": None})
            metrics.append({"run_id": run, "key": "slice.origin=EWR.auc", "value": value - 0.01, "special": None})
    connection.execute(insert(Metric), metrics)
    return found


def _now_running(session: Session, project: int, evil: str) -> tuple[str, str]:
    running = Run(
        key="7f3a9c1e22b0", flow="train", project_id=project, state=RunState.RUNNING, cause=CauseKind.ALERT,
        cause_key="c0ffee123456", requested_by="ana", requested_at=ago(seconds=130), started_at=ago(seconds=128),
        commit=digest_of("commit now")[:40], dirty=False, seed=7, stages=5, stages_done=2,
    )  # fmt: skip
    failed = Run(
        key="7f22d41b90aa", flow="train", project_id=project, state=RunState.FAILED, cause=CauseKind.PERSON,
        requested_by=evil or "ana", requested_at=ago(minutes=36), started_at=ago(minutes=35),
        finished_at=ago(minutes=31), duration_s=238.4, commit=digest_of("commit now")[:40], dirty=False, seed=7,
        stages=5, stages_done=2, error=evil or "ValueError: 3 classes in y, not 2",
        next_step="trainmaster data quarantine flight-delay flights", peak_rss_bytes=912_000_000,
    )  # fmt: skip
    waiting = Run(
        key="7f3b00000001", flow="predict", project_id=project, state=RunState.REQUESTED, cause=CauseKind.RUN,
        cause_key="7f3a9c1e22b0", requested_by="watcher", requested_at=ago(seconds=20),
    )  # fmt: skip
    session.add_all([failed, running, waiting])
    session.flush()
    for run, names in ((failed, ("load", "join", "fit")), (running, ("load", "join", "fit"))):
        assert run.id is not None
        begun = run.started_at or NOW
        for at, name in enumerate(names):
            last = name == "fit"
            state = TaskState.COMPLETED if not last else TaskState.FAILED if run is failed else TaskState.RUNNING
            session.add(
                Task(
                    run_id=run.id, name=name, ordinal=at, state=state,
                    says="round 186 of 300" if last else "327,346 rows",
                    share=0.62 if last else 1.0, eta_s=41.0 if last and run is running else None,
                    started_at=begun + timedelta(seconds=4 + at * 20),
                    finished_at=None if last and run is running else begun + timedelta(seconds=20 + at * 20),
                    duration_s=None if last and run is running else 16.2,
                    error=(evil or "ValueError: 3 classes in y, not 2") if last and run is failed else "",
                )
            )  # fmt: skip
        session.connection().execute(
            insert(LogLine),
            [
                {"run_id": run.id, "seq": at, "at": begun + timedelta(seconds=at), "level": level, "says": says}
                for at, (level, says) in enumerate(
                    [("info", "load: begins (1 of 5)"), ("info", "load: done in 4.21 s · 327,346 rows")]
                    + [("info", f"fit: round {n * 20} of 300, auc .7{n:02d}") for n in range(1, 10)]
                    + [("error" if run is failed else "info", evil or "fold 2 starting, 41,202 rows")]
                )
            ],
        )
        session.connection().execute(
            insert(ResourceSample),
            [
                {
                    "run_id": run.id, "seq": at, "at": begun + timedelta(seconds=at * 2),
                    "cpu_percent": 60 + 35 * math.sin(at / 4), "rss_bytes": 300_000_000 + at * 9_000_000,
                    "gpu_percent": None, "gpu_memory_bytes": None,
                }
                for at in range(60)
            ],
        )  # fmt: skip
        session.connection().execute(
            insert(Parameter),
            [{"run_id": run.id, "key": k, "value": v} for k, v in (("rounds", "300"), ("num_leaves", "31"))],
        )
        session.connection().execute(
            insert(MetricPoint),
            [
                {"run_id": run.id, "key": "valid.auc", "step": s, "value": 0.72 - 0.2 / (s + 1), "special": None}
                for s in range(186)
            ],
        )
    return running.key, failed.key


def _put(session: Session, text: str, kind: str) -> str:
    return artifacts.put(session, text.encode(), kind=kind, media_type="application/json", now=ago(days=2))


def _data(session: Session, project: int, run: int, evil: str) -> list[str]:
    keys = []
    for source, rows, bad in (("flights", 80_789, 3_041), ("weather", 6_505, 0), ("planes", 3_322, 0)):
        for month in (1, 2, 3):
            if source == "planes" and month > 1:
                continue
            artifact = _put(session, f"{source} {month}", "snapshot")
            key = digest_of(f"{source}{month}")[:12]
            snapshot = Snapshot(
                key=key, project_id=project, run_id=run, source=source, digest=digest_of(key), artifact=artifact,
                profile=_put(session, json.dumps({"rows": rows}), "profile"), rows_in=rows * month // 3 + bad,
                rows=rows * month // 3, quarantined=bad,
                columns=json.dumps([{"name": "origin", "type": "text"}, {"name": "dep_delay", "type": "number"}]),
                watermark=f"2013-0{month}-28", time_from=datetime(2013, 1, 1, tzinfo=UTC),
                time_to=datetime(2013, month, 28, tzinfo=UTC), created_at=ago(days=5 - month, hours=month),
            )  # fmt: skip
            session.add(snapshot)
            session.flush()
            keys.append(key)
            assert snapshot.id is not None
            session.add(
                SourceFile(
                    project_id=project, snapshot_id=snapshot.id, source=source,
                    path=f"incoming/{source}/2013-0{month}.parquet" + evil, digest=digest_of("file" + key),
                    size_bytes=512_000, rows=rows // 3,
                )
            )  # fmt: skip
            if source == "flights" and month == 3:
                rules = (("cancelled", "no arrival: the flight was cancelled"), ("range", "air_time below 0"))
                for at in range(30):
                    rule, reason = rules[0] if at % 6 else rules[1]
                    session.add(
                        QuarantinedRow(
                            snapshot_id=snapshot.id, row_number=100 + at * 17, file="2013-03.parquet",
                            rule=evil[:30] if evil and at == 3 else rule, reason=evil or reason,
                            content=json.dumps({"flight": "UA 1545", "origin": evil or "EWR"}),
                        )
                    )  # fmt: skip
    return keys


def _features(session: Session, project: int, run: int, snapshots: list[str]) -> int:
    last = 0
    for version in (1, 2, 3):
        views = {
            name: {"table": name, "version": version, "rows": rows, "columns": columns, "function": digest_of(name)}
            for name, rows, columns in (
                ("departures", 77_748, ["flight_id", "scheduled_at", "late"]),
                ("schedule", 77_748, ["carrier", "distance", "hour", "weekday"]),
                ("weather_at_origin", 6_505, ["temp", "wind_speed", "precip", "visib"]),
                ("aircraft", 3_322, ["seats", "year"]),
            )
        }
        row = FeatureSet(
            project_id=project, run_id=run, version=version, digest=digest_of(f"features {version}"),
            rules_digest=digest_of("rules" if version > 1 else "older rules"), rows=25_000 * version + 2_748,
            views=json.dumps(views), snapshots=json.dumps(snapshots), statistics=None,
            created_at=ago(days=4 - version),
        )  # fmt: skip
        session.add(row)
        session.flush()
        assert row.id is not None
        last = row.id
    _online(session, project, run, last)
    return last


def _online(session: Session, project: int, run: int, features: int) -> None:
    """Statistics of the newest version, its rows online, a comparison, and named rows to learn from."""
    edges = [20.0 + 4 * at for at in range(21)]
    number = {"count": 6_505, "missing": 12, "kind": "number", "mean": 46.2, "least": 20.0, "greatest": 100.0,
              "histogram": {"edges": edges, "counts": [at * (20 - at) * 3 for at in range(20)]}}  # fmt: skip
    text = {"count": 77_748, "missing": 0, "kind": "category", "distinct": 15,
            "top": [["UA", 24_100], ["B6", 21_000], ["EV", 18_600]]}  # fmt: skip
    views = {
        "departures": {"digest": "", "rows": 77_748, "columns": {}},
        "schedule": {"digest": "", "rows": 77_748, "columns": {"carrier": text, "distance": number}},
        "weather_at_origin": {"digest": "", "rows": 6_505, "columns": {"temp": number}},
    }
    document = json.dumps({"format": 1, "version": 3, "views": views}).encode()
    digest = artifacts.put(session, document, kind="statistics", media_type="application/json", now=ago(days=1))
    row = session.get(FeatureSet, features)
    assert row is not None
    row.statistics = digest
    online = [{"view": "schedule", "rows": 77_748, "waiting": 0, "is_new": True}]
    session.add(
        OnlinePublish(
            project_id=project,
            run_id=run,
            feature_set_id=features,
            rows=80_870,
            views=json.dumps(online),
            known_until=ago(hours=6),
            created_at=ago(hours=6),
        )  # fmt: skip
    )
    session.add(
        SkewCheck(
            project_id=project,
            feature_set_id=features,
            entities=203,
            compared=1_349,
            differences=0,
            report=digest,
            actor="ana",
            created_at=ago(hours=5),
        )  # fmt: skip
    )
    rule = {"kind": "time", "test_months": 1, "gap_hours": 24.0, "test_share": 0.25, "seed": 7}
    session.add(
        TrainingSet(
            project_id=project,
            feature_set_id=features,
            run_id=run,
            name="first-quarter",
            version=2,
            rows=77_748,
            train_rows=49_053,
            test_rows=27_742,
            purged_rows=953,
            digest=digest_of("rows"),
            split=json.dumps(rule),
            split_digest=digest_of("split"),
            sides=digest,
            actor="ana",
            created_at=ago(hours=20),
        )  # fmt: skip
    )


def _versions(session: Session, project: int, features: int, runs: list[int]) -> list[int]:
    ids = []
    numbers = {"kind": "number", "edges": [28.9, 37.0, 46.0, 57.9, 69.1], "shares": [0.12, 0.16, 0.22, 0.25, 0.15, 0.1]}
    carriers = {"UA": 0.31, "B6": 0.27, "EV": 0.24, "DL": 0.13}
    profile = {
        "features": {name: {**numbers, "missing": 0.0} for name in ("temp", "wind_speed", "precip", "visib", "hour")}
        | {"carrier": {"kind": "category", "shares": carriers, "other": 0.05, "missing": 0.0}},
        "score": numbers,
        "rows": 48_102,
    }
    for name, count in (("flight-delay", 4), ("flight-delay-night", 1)):
        model = Model(name=name, project_id=project, created_at=ago(days=80))
        session.add(model)
        session.flush()
        assert model.id is not None
        for version in range(1, count + 1):
            stage = Stage.NONE
            if name == "flight-delay":
                stage = {1: Stage.ARCHIVED, 2: Stage.ARCHIVED, 3: Stage.PRODUCTION, 4: Stage.STAGING}[version]
            train = [run for at, run in enumerate(runs) if at % len(FLOWS) == 0]
            row = ModelVersion(
                model_id=model.id, version=version, stage=stage, run_id=train[version % len(train)],
                feature_set_id=features, digest=digest_of(f"{name} {version}"),
                model_bytes=_put(session, f"{name} trees {version}", "model"),
                manifest=_put(session, json.dumps(manifest_of(version)), "manifest"),
                canary=_put(session, json.dumps({"rows": []}), "canary"),
                profile=_put(session, json.dumps(profile), "profile"),
                commit=digest_of(f"commit {version}")[:40], dirty=False, created_at=ago(days=20 - version * 4),
            )  # fmt: skip
            session.add(row)
            session.flush()
            assert row.id is not None
            if name == "flight-delay":
                ids.append(row.id)
            if version == 4:
                session.add(
                    GateResult(
                        version_id=row.id, gate="production", passed=True, value=0.004, limit_value=0.0,
                        low=0.0011, high=0.0069, evidence="artifact:5f0c1e7a", against=f"{name}/3", attempt=1,
                        says="auc 0.6943 against 0.6903 of v3 in production: gain +0.0040", evaluated_at=ago(days=3),
                    )
                )  # fmt: skip
            for gate, value, limit in (("gain_over_baseline", 0.09, 0.05), ("minimum_value", 0.71, 0.68)):
                passed = version != 2 or gate != "minimum_value"
                session.add(
                    GateResult(
                        version_id=row.id, gate=gate, passed=passed, value=value if passed else 0.66,
                        limit_value=limit, says=f"{value:.3f} against {limit:.3f}", evaluated_at=ago(days=3),
                    )
                )  # fmt: skip
    owner = session.get_one(ModelVersion, ids[2]).model_id
    for alias, at in (("champion", 2), ("previous", 1)):
        session.add(Alias(model_id=owner, alias=alias, version_id=ids[at], protected=True, changed_at=ago(hours=3)))
    session.add(
        AliasMove(
            model_id=owner, alias="champion", from_id=ids[1], to_id=ids[2], actor="ana",
            reason="better recall on new-region customers", created_at=ago(hours=3),
        )
    )  # fmt: skip
    session.add(
        Waiver(
            version_id=ids[1], gate="minimum_value", actor="ana", reason="a pilot on one route", until=ago(days=-36500),
            created_at=ago(days=2),
        )
    )  # fmt: skip
    session.add(Approval(version_id=ids[3], actor="ben", reason="read the card", created_at=ago(hours=1)))
    session.add(
        StageTransition(
            version_id=ids[2], from_stage=Stage.STAGING, to_stage=Stage.PRODUCTION, actor="ana",
            reason="better recall on new-region customers", created_at=ago(hours=3),
        )
    )  # fmt: skip
    session.add(
        Deployment(
            key="d0d0d0d0d0d0", project_id=project, version_id=ids[2], run_id=runs[0], state=DeploymentState.ACTIVE,
            verdict="20 canary answers agree", created_at=ago(hours=3), changed_at=ago(hours=3),
        )
    )  # fmt: skip
    session.add(
        PredictionBatch(
            key="babababababa", project_id=project, version_id=ids[2], feature_set_id=features, run_id=runs[0],
            artifact=_put(session, "predictions", "predictions"), rows=27_564,
            window_from=datetime(2013, 4, 1, tzinfo=UTC), window_to=datetime(2013, 5, 1, tzinfo=UTC),
            created_at=ago(minutes=25),
        )
    )  # fmt: skip
    return ids


def _monitoring(session: Session, project: int, version: int, run: int, evil: str) -> str:
    names = ("temp", "wind_speed", "precip", "visib", "hour", "distance", "carrier" if not evil else f"carrier{evil}")
    report_id, report_ids = 0, []
    shares = {"temp": [0.02, 0.08, 0.18, 0.25, 0.27, 0.19, 0.01], "carrier": [0.29, 0.28, 0.25, 0.12, 0.06, 0.0]}
    for at in range(12):
        profile = {"shares": shares, "rows": 6_204 + at}
        report = MonitorReport(
            key=digest_of(f"report {at}")[:12], project_id=project, version_id=version, run_id=run,
            window_from=ago(days=(12 - at) * 7), window_to=ago(days=(11 - at) * 7), rows=6_204 + at,
            labelled_rows=6_000, digest=digest_of(f"report {at}"),
            profile=_put(session, json.dumps(profile | {"at": at}), "report"), created_at=ago(days=(11 - at) * 7),
        )  # fmt: skip
        session.add(report)
        session.flush()
        assert report.id is not None
        report_id = report.id
        report_ids.append(report_id)
        session.add(
            Signal(
                report_id=report_id, name="auc", kind="quality", feature=None, value=0.73 - at * 0.006,
                limit_value=0.70, direction="higher", breached=0.73 - at * 0.006 < 0.70,
            )
        )  # fmt: skip
        for n, name in enumerate(names):
            value = abs(0.02 + 0.03 * math.sin(at + n)) + (0.02 * at if n == 0 else 0)
            session.add(
                Signal(
                    report_id=report_id, name=f"psi.{name}", kind="drift", feature=name, value=value,
                    limit_value=0.25, direction="lower", breached=value > 0.25,
                )
            )  # fmt: skip
    seed_health(session, report_ids)
    first = Alert(
        key="c0ffee123456", project_id=project, version_id=version, report_id=report_id, signal="auc",
        severity=Severity.CRITICAL, says=evil or "auc .664 is below .700", opened_at=ago(minutes=22),
        last_seen_at=ago(minutes=2), seen=3,
    )  # fmt: skip
    second = Alert(
        key="bead00123456", project_id=project, version_id=version, report_id=report_id, signal="psi.temp",
        severity=Severity.WARNING, says="psi of temp .27 is above .25", opened_at=ago(hours=2),
        last_seen_at=ago(minutes=2), state=AlertState.OPEN,
    )  # fmt: skip
    session.add_all([first, second])
    session.flush()
    assert first.id is not None
    session.add(
        Decision(
            key="dec1de000001", project_id=project, alert_id=first.id, retrain=True,
            reason="auc is in feedback.retrain_on", decided_at=ago(minutes=22), emitted_at=ago(minutes=22),
        )
    )  # fmt: skip
    return first.key


def _services(session: Session) -> None:
    for name, state, pid, detail in (
        ("supervisor", ServiceState.UP, 4100, ""),
        ("server", ServiceState.UP, 4101, "http://127.0.0.1:4203"),
        ("worker", ServiceState.UP, 4102, "2 warm children"),
        ("watcher", ServiceState.BACKING_OFF, None, "restarts in 4 s"),
        ("gateway", ServiceState.UP, 4104, "http://127.0.0.1:8203"),
    ):
        session.add(
            Service(name=name, state=state, pid=pid, since=ago(hours=5), detail=detail, restarts=int(pid is None))
        )


__all__ = ["HOSTILE", "NOW", "Seeded", "ago", "digest_of", "seed"]
