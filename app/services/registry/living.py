"""Gates that may change their mind without a new judgement: CI of the commit, approvals, a reproduction."""

from dataclasses import replace

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.gates import NOT_YET, GateVerdict
from app.domain.project import Gates
from app.domain.states import Verdict
from app.store.tables import Approval, CiVerdict, Model, ModelVersion, Reproduction, Run

LIVING = ("ci", "approvals", "reproducible")


def living(session: Session, version: ModelVersion, gates: Gates) -> tuple[GateVerdict, ...]:
    """What the declared living gates say now; `reproducible` is among the judged ones until somebody reproduced."""
    found = []
    if gates.green_ci:
        found.append(_ci(session, version))
    if gates.approvals:
        found.append(_approvals(session, version, gates.approvals))
    return tuple(found)


def as_of_now(session: Session, version: ModelVersion, verdict: GateVerdict) -> GateVerdict:
    """A stored verdict, brought to what the store says now when its gate is a living one."""
    match verdict.gate:
        case "ci":
            return _ci(session, version)
        case "approvals":
            return _approvals(session, version, int(verdict.limit or 1))
        case "reproducible":
            return _reproducible(session, version, verdict)
        case _:
            return verdict


def author_of(session: Session, version: ModelVersion) -> str:
    """Who made a version: the person who asked for its training run."""
    return str(session.execute(select(col(Run.requested_by)).where(col(Run.id) == version.run_id)).scalar_one())


def approvals_of(session: Session, version: ModelVersion) -> list[Approval]:
    """The approvals of a version, in order."""
    statement = select(Approval).where(col(Approval.version_id) == version.id).order_by(col(Approval.id))
    return list(session.execute(statement).scalars())


def _ci(session: Session, version: ModelVersion) -> GateVerdict:
    """The newest verdict about the commit; it must be of this project."""
    project = select(col(Model.project_id)).where(col(Model.id) == version.model_id).scalar_subquery()
    newest = session.execute(
        select(CiVerdict)
        .where(col(CiVerdict.commit) == version.commit, col(CiVerdict.project_id) == project)
        .order_by(col(CiVerdict.id).desc())
        .limit(1)
    ).scalar()
    short, evidence = (version.commit or "none")[:12], f"commit:{version.commit}" if version.commit else ""
    if version.dirty:
        return GateVerdict("ci", False, None, None, "CI checks commits: the files differed from theirs", evidence="")
    if newest is None:
        says = f"CI has not judged commit {short}: trainmaster ci run"
        return GateVerdict("ci", False, None, None, says, evidence=evidence)
    green = newest.verdict is Verdict.GREEN
    says = f"commit {short} is {newest.verdict}" + ("" if green else f": {newest.stage}")
    return GateVerdict("ci", green, None, None, says, evidence=evidence)


def _approvals(session: Session, version: ModelVersion, wanted: int) -> GateVerdict:
    """Enough different people; where two are asked for, the author is not the only one."""
    people = [row.actor for row in approvals_of(session, version)]
    author = author_of(session, version)
    others = [name for name in people if name != author]
    passed = len(people) >= wanted and (wanted < 2 or bool(others))
    says = f"{len(people)} of {wanted}" + (f": {', '.join(people)}" if people else "")
    if not passed:
        says += f"; trainmaster models approve MODEL {version.version}"
        if wanted >= 2 and people == [author]:
            says += f" by somebody other than {author}, who made it"
    return GateVerdict("approvals", passed, float(len(people)), float(wanted), says)


def _reproducible(session: Session, version: ModelVersion, before: GateVerdict) -> GateVerdict:
    newest = session.execute(
        select(Reproduction)
        .where(col(Reproduction.run_id) == version.run_id)
        .order_by(col(Reproduction.id).desc())
        .limit(1)
    ).scalar()
    if newest is None:
        return replace(before, passed=False, says=NOT_YET)
    return replace(before, passed=newest.verdict != "diverged", says=newest.says)


__all__ = ["LIVING", "approvals_of", "as_of_now", "author_of", "living"]
