"""Stage 5 of training: one transaction that makes a version, or leaves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.gates import failing
from app.domain.ids import Ref
from app.domain.project import canonical_json
from app.domain.states import Stage
from app.services.experiments.results import Divided, Evaluated, Learned, Pulled, Registered
from app.services.running import RunContext, TaskContext
from app.services.workspaces import now
from app.store import artifacts, audit, ledger, lineage, verdicts
from app.store.tables import Model, ModelVersion, StageTransition

if TYPE_CHECKING:
    from app.learning.bootstrap import Interval, Unknown
    from app.learning.learners import Fitted


def register(task: TaskContext, pulled: Pulled, divided: Divided, learned: Learned, evaluated: Evaluated) -> Registered:
    """One transaction with artifacts, version, parameters, metrics, gates, lineage and audit event."""
    from app.services.registry.living import living

    run, moment = task.run, now()
    name, digest = run.project.name, str(evaluated.package.manifest["digest"])
    with run.store.write(durable=True) as session:
        stored = _keep(session, evaluated, moment)
        version = _add_version(session, run, pulled, stored, digest, moment)
        _add_history(session, run, version, moment)
        gates = [*evaluated.gates, *living(session, version, run.project.file.gates)]
        failed = failing(gates)
        assert version.id is not None
        verdicts.keep(session, version.id, gates, by=run.actor, now=moment)
        ledger.log_parameters(
            session, run.run_id, {**_parameters(pulled, divided, learned.fitted), "verdict": evaluated.verdict}
        )
        ledger.log_metrics(session, run.run_id, all_metrics(evaluated))
        ref = Ref("model", f"{name}/{version.version}")
        edges = [(pulled.ref, run.ref, "trained_on"), (run.ref, ref, "produced")]
        if run.commit:
            edges.append((Ref("commit", run.commit), run.ref, "code"))
        lineage.link(session, edges, now=moment)
        audit.record(
            session,
            actor=run.actor,
            action="model.registered",
            subject=str(ref),
            now=moment,
            details={"run": run.key, "digest": digest, "features": str(pulled.ref), "failing": list(failed)},
        )
        verdict = f"{len(gates) - len(failed)} of {len(gates)} gates pass"
        task.complete(session, says=f"{name} v{version.version}: {verdict}", inputs=[pulled.ref], outputs=[ref])
        number = version.version
    return Registered(name, number, digest, evaluated.metrics, evaluated.baseline, failed)


def _keep(session: Session, evaluated: Evaluated, moment: datetime) -> dict[str, str]:
    package = evaluated.package
    parts = (
        ("model", package.model, package.format.media_type),
        ("manifest", package.manifest_bytes, "application/json"),
        ("canary", package.canary_bytes, "application/json"),
        ("profile", canonical_json(evaluated.profile).encode(), "application/json"),
        *((("judged", evaluated.judged.content, "application/vnd.apache.parquet"),) if evaluated.judged else ()),
    )
    return {
        kind: artifacts.put(session, content, kind=kind, media_type=media, now=moment) for kind, content, media in parts
    }


def _add_version(
    session: Session, run: RunContext, pulled: Pulled, stored: dict[str, str], digest: str, moment: datetime
) -> ModelVersion:
    name = run.project.name
    model = session.execute(select(Model).where(col(Model.name) == name)).scalars().first()
    if model is None:
        model = Model(name=name, project_id=run.project_id, created_at=moment)
        session.add(model)
        session.flush()
    assert model.id is not None
    newest = select(func.max(col(ModelVersion.version))).where(col(ModelVersion.model_id) == model.id)
    version = ModelVersion(
        model_id=model.id,
        version=int(session.execute(newest).scalar() or 0) + 1,
        stage=Stage.STAGING,
        run_id=run.run_id,
        feature_set_id=pulled.feature_set_id,
        digest=digest,
        model_bytes=stored["model"],
        manifest=stored["manifest"],
        canary=stored["canary"],
        profile=stored["profile"],
        judged_on=stored.get("judged"),
        commit=run.commit,
        dirty=run.dirty,
        created_at=moment,
    )
    session.add(version)
    session.flush()
    return version


def _add_history(session: Session, run: RunContext, version: ModelVersion, moment: datetime) -> None:
    assert version.id is not None
    session.add(
        StageTransition(
            version_id=version.id,
            from_stage=Stage.NONE,
            to_stage=Stage.STAGING,
            actor=run.actor,
            reason=f"registered by run {run.key}",
            created_at=moment,
        )
    )


def all_metrics(evaluated: Evaluated) -> dict[str, float]:
    """Every metric of a run by its key: plain, `.low`, `.high`, `baseline.`, `production.`, `slice.COLUMN=VALUE.`."""
    keyed = {**evaluated.metrics, **_bounds("", evaluated.intervals)}
    keyed.update({f"baseline.{name}": value for name, value in evaluated.baseline.items()})
    keyed.update({f"production.{name}": value for name, value in (evaluated.production or {}).items()})
    for part in evaluated.slices:
        name = f"slice.{part.column[:100]}={part.value}."
        keyed.update({f"{name}{key}": value for key, value in part.metrics.items()})
        keyed.update(_bounds(name, part.intervals))
    return keyed


def _bounds(prefix: str, intervals: Mapping[str, Interval | Unknown]) -> dict[str, float]:
    """The bounds of the intervals that are known."""
    found: dict[str, float] = {}
    for key, one in intervals.items():
        low, high = getattr(one, "low", None), getattr(one, "high", None)
        if low is not None and high is not None:
            found |= {f"{prefix}{key}.low": low, f"{prefix}{key}.high": high}
    return found


def _parameters(pulled: Pulled, divided: Divided, fitted: Fitted) -> dict[str, object]:
    return {
        **fitted.parameters,
        "rounds": fitted.rounds,
        "learner": fitted.learner,
        "features": f"v{pulled.version}",
        "features.digest": pulled.digest,
        "split.digest": divided.parts.digest,
        "rows.train": len(divided.parts.train),
        "rows.test": len(divided.parts.test),
    }
