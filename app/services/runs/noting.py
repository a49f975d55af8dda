"""What a person puts on a run: a note, tags, the archive, the pin of a baseline; each with one audit event."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlmodel import Session, col

from app.domain.errors import Refused, Usage
from app.domain.states import RunState
from app.services.workspaces import now
from app.store import audit, ledger
from app.store.engine import Store
from app.store.tables import Baseline, Run, RunNote, RunTag

LONGEST_NOTE = 4_000
TAG = re.compile(r"[^\s\x00-\x1f:=|()\"]{1,100}")


@dataclass(frozen=True)
class Noted:
    """What was put on which run."""

    run: str
    says: str


def note(store: Store, key: str, says: str, *, by: str) -> Noted:
    """Add a note to a run; notes are only ever added. Raises Usage for an empty or endless one, NotFound."""
    text = says.strip()
    if not text or len(text) > LONGEST_NOTE:
        raise Usage(f"a note has 1 to {LONGEST_NOTE:,} characters", next_step='trainmaster runs note RUN "..."')
    with store.write() as session:
        run = ledger.find_run(session, key)
        session.add(RunNote(run_id=_id(run), at=now(), actor=by, says=text))
        _record(session, run, "run.noted", by, reason=text)
        return Noted(run.key, f"noted on run {run.key}")


def tag(store: Store, key: str, tags: Mapping[str, str], *, remove: Iterable[str] = (), by: str) -> Noted:
    """Put tags on a run, or take them away by name; a tag that is there gets the new value.

    Raises Usage for a name with spaces or signs of the filter language, NotFound for an unknown run or a tag that is
    not there.
    """
    gone = tuple(remove)
    for name in (*tags, *gone):
        if not TAG.fullmatch(name):
            raise Usage(
                f"{name!r} cannot name a tag: no spaces, quotes, brackets, and none of : = |",
                next_step="trainmaster runs tag RUN candidate team=risk",
            )
    with store.write() as session:
        run = ledger.find_run(session, key)
        have = {row.key: row for row in session.execute(select(RunTag).where(col(RunTag.run_id) == run.id)).scalars()}
        before = {name: row.value for name, row in have.items()}
        missing = [name for name in gone if name not in have]
        if missing:
            raise Usage(f"run {run.key} has no tag {missing[0]!r}", next_step=f"trainmaster runs show {run.key}")
        for name in gone:
            session.delete(have[name])
        for name, value in tags.items():
            row = have.get(name) or RunTag(run_id=_id(run), key=name)
            row.value = value[:500]
            session.add(row)
        after = {name: value for name, value in {**before, **tags}.items() if name not in gone}
        _record(session, run, "run.tagged", by, details={"before": before, "after": after})
        shown = ", ".join(f"{name}={value}" if value else name for name, value in sorted(after.items())) or "none"
        return Noted(run.key, f"tags of run {run.key}: {shown}")


def archive(store: Store, keys: Iterable[str], *, back: bool = False, by: str, reason: str = "") -> list[Noted]:
    """Put runs into the archive, or get them back: lists leave them out, nothing is deleted.

    Raises NotFound, or Refused for a run that has not ended.
    """
    done = []
    with store.write() as session:
        for key in keys:
            run = ledger.find_run(session, key)
            if not RunState(run.state).ended:
                raise Refused(f"run {run.key} is {run.state}", next_step=f"trainmaster runs cancel {run.key}")
            was = run.archived_at is not None
            if was == (not back):
                done.append(Noted(run.key, f"run {run.key} is {'' if was else 'not '}in the archive already"))
                continue
            run.archived_at = None if back else now()
            session.add(run)
            _record(session, run, "run.restored" if back else "run.archived", by, reason=reason)
            done.append(Noted(run.key, f"run {run.key} is {'back from' if back else 'in'} the archive"))
    return done


def pin_baseline(store: Store, key: str | None, *, project: str | None = None, by: str) -> Noted:
    """Pin a run as the baseline of its project until another one is pinned; None takes the pin of `project` away."""
    with store.write() as session:
        if key is None:
            held = session.connection().exec_driver_sql("SELECT id, name FROM project").all()
            for number, name in held:
                if project in (None, name):
                    session.connection().execute(delete(Baseline).where(col(Baseline.project_id) == number))
            audit.record(session, actor=by, action="baseline.unpinned", subject=f"project:{project or '*'}", now=now())
            return Noted("", "no baseline is pinned")
        run = ledger.find_run(session, key)
        row = session.get(Baseline, run.project_id)
        before = None if row is None else session.get_one(Run, row.run_id).key
        row = row or Baseline(project_id=run.project_id, run_id=_id(run), pinned_by=by, pinned_at=now())
        row.run_id, row.pinned_by, row.pinned_at = _id(run), by, now()
        session.add(row)
        _record(session, run, "baseline.pinned", by, details={"before": before, "after": run.key})
        return Noted(run.key, f"run {run.key} is the baseline")


def _id(run: Run) -> int:
    assert run.id is not None
    return run.id


def _record(
    session: Session, run: Run, action: str, by: str, *, reason: str = "", details: Mapping[str, object] | None = None
) -> None:
    audit.record(session, actor=by, action=action, subject=f"run:{run.key}", now=now(), reason=reason, details=details)


__all__ = ["Noted", "archive", "note", "pin_baseline", "tag"]
