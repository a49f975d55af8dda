"""Judging a version again: on the rows it was first judged on, against the version that is in production now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Refused
from app.domain.gates import GateVerdict, failing, judge
from app.domain.ids import Ref
from app.learning.canary import ChildVerdict, check_in_child
from app.services.registry.attempts import tried
from app.services.registry.living import living
from app.services.registry.packages import find_project, find_version, package_of, production_version
from app.services.registry.standing import differs, is_stale, standing
from app.services.workspaces import OpenProject, now
from app.store import artifacts, audit, verdicts
from app.store.engine import Store
from app.store.tables import FeatureSet, ModelVersion

if TYPE_CHECKING:
    from app.learning.judged import Judged
    from app.learning.package import Package
    from app.services.registry.evidence import Contract, Opponent

PROVEN = ("package", "latency", "memory")
"""Gates that need the child; the deploy flow has a stage of its own for that."""

FEW_ROWS = 20_000
"""Up to here one thread is as quick as many."""


@dataclass(frozen=True)
class Tested:
    """The gates of a version, judged a moment ago; those that do not hold are in `failing`."""

    model: str
    version: int
    against: str
    attempt: int
    gates: tuple[GateVerdict, ...]
    failing: tuple[str, ...]

    @property
    def says(self) -> str:
        """One line for a person."""
        passed = sum(1 for gate in self.gates if gate.holds)
        rival = f" against {self.against}" if self.against else ""
        return f"{self.model} v{self.version}: {passed} of {len(self.gates)} gates hold{rival}, try {self.attempt}"


@dataclass(frozen=True)
class _Read:
    """All that judging needs from the store."""

    version: ModelVersion
    package: Package
    judged: Judged
    production: int | None
    rival: Package | None
    attempt: int
    contract: Contract


def judge_again(store: Store, project: OpenProject, model: str, version: int, *, by: str, child: bool = True) -> Tested:
    """Judge every gate that the charter declares now, and write the verdicts; without `child` the proven ones stay.

    Raises Refused for a version of before 0003, whose test rows were not kept, NotFound, and Damaged.
    """
    read = _read(store, project, model, version)
    proof = check_in_child(read.package) if child else ChildVerdict(True, "", 0, 0.0)
    judged = _judge(project, model, read, proof)
    moment = now()
    with store.write(durable=True) as session:
        row = find_version(session, model, version)
        assert row.id is not None
        kept = [gate for gate in verdicts.last_of(session, row.id) if gate.gate in PROVEN] if not child else []
        fresh = [gate for gate in judged if child or gate.gate not in PROVEN]
        fresh += living(session, row, project.file.gates)
        gone = {gate.gate for gate in verdicts.last_of(session, row.id)} - {gate.gate for gate in (*fresh, *kept)}
        verdicts.keep(session, row.id, fresh, by=by, now=moment, gone=gone)
        found = standing(session, row, now=moment)
        audit.record(
            session,
            actor=by,
            action="gates.judged",
            subject=str(Ref("model", f"{model}/{version}")),
            now=moment,
            details={"failing": list(failing(found)), "against": read.production, "attempt": read.attempt},
        )
    against = f"{model}/{read.production}" if read.production is not None else ""
    return Tested(model, version, against, read.attempt, found, failing(found))


def judge_again_if_changed(store: Store, project: OpenProject, model: str, version: int, *, by: str) -> Tested | None:
    """Judge again when production or the charter changed since, else nothing; old versions without rows are left."""
    with store.read() as session:
        row = find_version(session, model, version)
        gates = standing(session, row, now=now())
        current = production_version(session, model)
        serving = f"{model}/{current.version}" if current is not None else ""
        same = current is not None and current.id == row.id
    if row.judged_on is None or same or not (is_stale(gates, serving) or differs(gates, project.file.gates)):
        return None
    return judge_again(store, project, model, version, by=by, child=False)


def _read(store: Store, project: OpenProject, model: str, version: int) -> _Read:
    from app.learning.judged import Judged
    from app.services.registry.evidence import contract_of

    with store.read() as session:
        row = find_version(session, model, version)
        if row.judged_on is None:
            raise Refused(
                f"{model} v{version} was registered before test rows were kept: it cannot be judged again",
                next_step=f"trainmaster train run --project {project.name}",
            )
        current = production_version(session, model)
        rival = package_of(session, current) if current is not None and current.id != row.id else None
        package, content = package_of(session, row), artifacts.get(session, row.judged_on)
        project_id, features = find_project(session, project.name).id or 0, _features(session, row)
        attempt = tried(session, model, beside=row.digest)
        contract = contract_of(session, project.name, project_id, features, project.file)
    package.verify()
    if rival is not None:
        rival.verify()
    serving = current.version if rival is not None and current is not None else None
    return _Read(row, package, Judged.of_bytes(content), serving, rival, attempt, contract)


def _judge(project: OpenProject, model: str, read: _Read, proof: ChildVerdict) -> tuple[GateVerdict, ...]:
    from app.learning import evaluate as judging
    from app.learning.bootstrap import Resamples, block_codes
    from app.learning.metrics import scorer
    from app.services.registry.evidence import evidence_of

    file, judged = project.file, read.judged
    metric, quantile, time = file.problem.judged_by, file.problem.quantile, file.problem.event_time
    times = judged.frame[time] if time and time in judged.frame.columns else None
    codes, _ = block_codes(len(judged.truth), times)
    resamples = Resamples(codes, count=file.evaluation.resamples, seed=file.evaluation.seed)
    opponent = _opponent(model, read, quantile)
    answers = {"model": judged.predicted, "baseline": judged.baseline}
    if opponent.predicted is not None:
        answers["production"] = opponent.predicted
    scorers = {
        name: scorer(judged.task, judged.truth, one, quantile=quantile, only=metric) for name, one in answers.items()
    }
    slices = judging.slices(
        judged.task, judged.frame, file.problem.slices, judged.truth, judged.predicted, quantile=quantile
    )
    evidence = evidence_of(
        file,
        judged,
        read.package,
        proof,
        opponent,
        metrics=judging.evaluate(judged.task, judged.truth, judged.predicted, quantile=quantile),
        baseline=judging.evaluate(judged.task, judged.truth, judged.baseline, quantile=quantile),
        slices=slices,
        draws=resamples.ask(scorers),
        refusal=resamples.refusal,
        attempt=read.attempt,
        contract=read.contract,
        judged_on=f"artifact:{read.version.judged_on}",
    )
    return judge(evidence, file.gates)


def _opponent(model: str, read: _Read, quantile: float | None) -> Opponent:
    from app.learning import evaluate as judging
    from app.learning.loader import LoadedModel
    from app.services.registry.evidence import Opponent

    if read.rival is None:
        return Opponent()
    theirs, judged = LoadedModel(read.rival), read.judged
    ref, mine = f"{model}/{read.production}", read.package.manifest["signature"]
    if str(theirs.signature.task) != mine["task"] or list(theirs.signature.classes) != list(mine["classes"]):
        says = f"v{read.production} in production answers another question: no comparison"
        return Opponent(ref, says, signature=theirs.signature)
    absent = [name for name in theirs.signature.names if name not in judged.frame.columns]
    frame = judged.frame.assign(**dict.fromkeys(absent)) if absent else judged.frame
    predicted = theirs.predict_frame(frame, threads=1 if len(frame) <= FEW_ROWS else None)
    metrics = judging.evaluate(judged.task, judged.truth, predicted, quantile=quantile)
    says = f"v{read.production} in production" + (f" (without {', '.join(absent)[:200]})" if absent else "")
    return Opponent(ref, says, metrics, predicted, theirs.signature)


def _features(session: Session, row: ModelVersion) -> int:
    statement = select(col(FeatureSet.version)).where(col(FeatureSet.id) == row.feature_set_id)
    return int(session.execute(statement).scalar_one())


__all__ = ["Tested", "judge_again", "judge_again_if_changed"]
