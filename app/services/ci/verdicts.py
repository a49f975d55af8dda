"""Verdicts: what CI judged of a commit, the stage that failed, and why."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlmodel import col

from app.domain.ids import Ref
from app.domain.states import TaskState, Verdict
from app.services.ci.sources import Commit
from app.services.running import RunContext, first_line
from app.services.workspaces import now
from app.store import audit, lineage
from app.store.tables import CiVerdict, Task


def verdict_row(
    run: RunContext,
    commit: Commit,
    verdict: Verdict,
    duration_s: float,
    *,
    stage: str = "",
    reason: str = "",
    bundle_id: int | None = None,
) -> CiVerdict:
    """The row of a verdict."""
    return CiVerdict(
        project_id=run.project_id,
        run_id=run.run_id,
        commit=commit.sha,
        branch=commit.branch,
        author=commit.author,
        subject=commit.subject,
        verdict=verdict,
        stage=stage,
        reason=reason,
        bundle_id=bundle_id,
        duration_s=duration_s,
        created_at=now(),
    )


@contextmanager
def judging(run: RunContext, commit: Commit) -> Iterator[None]:
    """Whatever leaves the block as an error is a red verdict, with the stage that failed and the reason."""
    begun = time.monotonic()
    try:
        yield
    except Exception as error:
        with run.store.write(durable=True) as session:
            failed = session.execute(
                select(col(Task.name))
                .where(col(Task.run_id) == run.run_id, col(Task.state) == TaskState.FAILED)
                .order_by(col(Task.id).desc())
                .limit(1)
            ).scalar_one_or_none()
            reason = first_line(error)
            session.add(
                verdict_row(
                    run, commit, Verdict.RED, time.monotonic() - begun, stage=str(failed or "start"), reason=reason
                )
            )
            lineage.link(session, [(Ref("commit", commit.sha), run.ref, "checked")], now=now())
            audit.record(
                session,
                actor=run.actor,
                action="ci.failed",
                subject=f"project:{run.project.name}",
                now=now(),
                reason=reason,
                details={"run": run.key, "commit": commit.sha, "stage": failed or "start"},
            )
        raise


__all__ = ["judging", "verdict_row"]
