"""What CI judged of each commit, and the stages of one judgement."""

import json
from dataclasses import dataclass

from app.store.queries.rows import where
from app.store.reader import Reader


@dataclass(frozen=True)
class VerdictRow:
    """One verdict; `bundle` is the digest of what was delivered, or None."""

    id: int
    project: str
    run: str
    commit: str
    branch: str
    author: str
    subject: str
    verdict: str
    stage: str
    reason: str
    bundle: str | None
    files: int | None
    size_bytes: int | None
    duration_s: float
    created_at: str


_COLUMNS = """SELECT c.id, p.name AS project, r.key AS run, c."commit", c.branch, c.author, c.subject,
c.verdict, c.stage, c.reason, b.digest AS bundle, b.files, b.size_bytes, c.duration_s, c.created_at
FROM ci_verdict c JOIN project p ON p.id = c.project_id JOIN run r ON r.id = c.run_id
LEFT JOIN bundle b ON b.id = c.bundle_id"""


def verdicts(
    reader: Reader, *, project: str | None = None, commit: str | None = None, before: int | None = None, limit: int = 50
) -> list[VerdictRow]:
    """Verdicts, newest first; `before` is the id of the last row of the page above, `commit` may be a beginning."""
    conditions = ["p.name = :project"] if project else []
    conditions += ['c."commit" >= :commit AND c."commit" < :commit || \'g\''] if commit else []
    conditions += ["c.id < :before"] if before is not None else []
    bound = {"project": project, "commit": commit, "before": before, "limit": limit}
    sql = f"{_COLUMNS} {where(conditions)} ORDER BY c.id DESC LIMIT :limit"
    return [VerdictRow(**row) for row in reader.rows(sql, bound)]


def commit_asked(reader: Reader, run: str) -> str:
    """The commit that a run of CI was asked to check; nothing when it takes the newest."""
    parameters = json.loads(str(reader.value("SELECT parameters FROM run WHERE key = :run", {"run": run}) or "{}"))
    return str(parameters.get("commit") or "")


__all__ = ["VerdictRow", "commit_asked", "verdicts"]
