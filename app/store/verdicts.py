"""Verdicts of gates: the last one of each gate, and a history that only grows."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from app.domain.gate_order import rank
from app.domain.gates import GateVerdict
from app.store.tables import GateResult, GateVerdictRow


def keep(
    session: Session,
    version_id: int,
    verdicts: Iterable[GateVerdict],
    *,
    by: str,
    now: datetime,
    gone: Collection[str] = (),
) -> None:
    """Write verdicts into the history, and as the last ones; gates that are `gone` keep their history alone."""
    if gone:
        named = col(GateResult.gate).in_(gone)
        session.connection().execute(delete(GateResult).where(col(GateResult.version_id) == version_id, named))
    for one in verdicts:
        facts: dict[str, Any] = {
            "version_id": version_id,
            "gate": one.gate,
            "passed": one.passed,
            "value": one.value,
            "limit_value": one.limit,
            "low": one.low,
            "high": one.high,
            "evidence": one.evidence,
            "against": one.against,
            "attempt": one.attempt,
            "says": one.says,
            "evaluated_at": now,
        }
        session.add(GateVerdictRow(**facts, actor=by))
        last = session.get(GateResult, (version_id, one.gate))
        if last is None:
            session.add(GateResult(**facts))
        else:
            for name, value in facts.items():
                setattr(last, name, value)
            session.add(last)
    session.flush()


def last_of(session: Session, version_id: int) -> tuple[GateVerdict, ...]:
    """The last verdict of every gate of a version, in the order of reading."""
    rows = session.execute(select(GateResult).where(col(GateResult.version_id) == version_id)).scalars().all()
    return tuple(
        GateVerdict(
            row.gate,
            row.passed,
            row.value,
            row.limit_value,
            row.says,
            row.low,
            row.high,
            row.evidence,
            row.against,
            row.attempt,
        )
        for row in sorted(rows, key=lambda row: rank(row.gate))
    )


__all__ = ["keep", "last_of"]
