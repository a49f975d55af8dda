"""What came out of a second attempt: its steps, the verdict, the first difference, and the rows that keep them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.gates import GateVerdict
from app.domain.ids import Ref
from app.services.workspaces import now
from app.store import audit, verdicts
from app.store.tables import GateResult, ModelVersion, Reproduction, Run

ORDER = ("environment", "code", "snapshots", "features", "split", "model", "metrics", "predictions")
HARD = ("code", "snapshots", "features", "split")
"""Steps that must come out the same: what follows from them is not worth comparing."""
TOLERANCE: Mapping[str, float] = {
    "auc": 1e-4, "accuracy": 1e-3, "log_loss": 1e-4, "rmse": 1e-4, "mae": 1e-4, "r2": 1e-4, "predictions": 1e-4,
}  # fmt: skip
"""What may differ, as a share of the larger value, when the trees are not the same to the byte (another machine)."""
OTHERWISE = 1e-4


@dataclass(frozen=True)
class Step:
    """One thing that was compared: `same`, `close` (within tolerance), `differs`, or `skipped`."""

    step: str
    state: str
    says: str
    difference: Mapping[str, object] | None = None


@dataclass(frozen=True)
class Reproduced:
    """The verdict about a run: identical, tolerance or diverged; `first_difference` names row, column and values."""

    run: str
    verdict: str
    step: str
    first_difference: Mapping[str, object] | None
    steps: tuple[Step, ...]
    seconds: float
    tolerance: Mapping[str, float] = field(default_factory=lambda: dict(TOLERANCE))

    @property
    def says(self) -> str:
        """One line for a person."""
        odd = next((step for step in self.steps if step.step == "environment" and step.state == "differs"), None)
        although = f", although the environment differs ({odd.says})" if odd and self.step != "environment" else ""
        if self.verdict == "identical":
            return f"identical: the same model, metrics and predictions{although}"
        detail = next((step.says for step in self.steps if step.step == self.step), "")
        if self.verdict == "tolerance":
            return f"within tolerance: {detail}{although}"
        return f"diverged at {self.step}: {detail}"


def judge(run: str, steps: Sequence[Step], seconds: float) -> Reproduced:
    """The verdict of the steps: what must be the same first, then the result, then whose fault it may be.

    >>> same = [Step(name, "same", "") for name in ORDER]
    >>> judge("a", same, 1.0).verdict
    'identical'
    >>> judge("a", [*same[:3], Step("features", "differs", "n")], 1.0).says
    'diverged at features: n'
    """
    by_name = {step.step: step for step in steps}
    hard = next((by_name[name] for name in HARD if name in by_name and by_name[name].state == "differs"), None)
    odd = [by_name[name] for name in ("model", "metrics", "predictions") if name in by_name]
    if hard is not None:
        verdict, step = "diverged", hard
    elif all(one.state == "same" for one in odd):
        return Reproduced(run, "identical", "", None, tuple(steps), seconds)
    elif all(one.state in ("same", "close") for one in odd if one.step != "model"):
        verdict, step = "tolerance", next(one for one in odd if one.state != "same")
    else:
        environment = by_name.get("environment")
        elsewhere = environment is not None and environment.state == "differs"
        verdict = "diverged"
        step = environment if elsewhere and environment else next(one for one in odd if one.state == "differs")
    difference = {"step": step.step, **(step.difference or {"says": step.says})}
    return Reproduced(run, verdict, step.step, difference, tuple(steps), seconds)


def keep(session: Session, run: Run, found: Reproduced, *, by: str) -> None:
    """Write the verdict, its audit event, and what the gate `reproducible` says of the versions of this run."""
    assert run.id is not None
    moment = now()
    session.add(
        Reproduction(
            run_id=run.id,
            verdict=found.verdict,
            step=found.step,
            first_difference=json.dumps(found.first_difference),
            steps=json.dumps([asdict(step) for step in found.steps]),
            says=found.says,
            seconds=found.seconds,
            actor=by,
            created_at=moment,
        )
    )
    versions = session.execute(select(col(ModelVersion.id)).where(col(ModelVersion.run_id) == run.id)).scalars().all()
    for version in versions:
        if session.get(GateResult, (version, "reproducible")) is not None:
            passed, evidence = found.verdict != "diverged", str(Ref("run", run.key))
            gate = GateVerdict("reproducible", passed, None, None, found.says, evidence=evidence)
            verdicts.keep(session, version, [gate], by=by, now=moment)
    audit.record(
        session,
        actor=by,
        action="run.reproduced",
        subject=f"run:{run.key}",
        now=moment,
        details={"verdict": found.verdict, "step": found.step, "says": found.says},
    )


def newest_verdict(session: Session, run_id: int) -> Reproduction | None:
    """The newest verdict about a run, or None."""
    query = (
        select(Reproduction).where(col(Reproduction.run_id) == run_id).order_by(col(Reproduction.id).desc()).limit(1)
    )
    found: Reproduction | None = session.execute(query).scalars().first()
    return found
