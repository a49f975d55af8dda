"""Verdicts of CI for the store of screens: one green with a bundle, one red."""

from datetime import timedelta

from sqlmodel import Session

from app.domain.states import CauseKind, RunState, TaskState, Verdict
from app.store import artifacts
from app.store.tables import Bundle, CiVerdict, LogLine, Run, Task
from tests.tui.seed_words import ago, digest_of

STAGES = {
    "lint": (0.06, "2 Python files, project.toml, ruff"),
    "tests": (3.8, "5 passed in 0.55s"),
    "contracts": (3.7, "16,278 sampled rows; v1: 6,493 rows"),
    "smoke": (4.9, "trained 20 rounds (auc 0.682), deployed, and the gateway gave the stored answer"),
    "fit": (0.2, "log_loss 0.4069 -> 0.3843 in 10 rounds; by heart 0.0243 -> 0.0000"),
    "deliver": (0.03, "bundle 1339432674fe: 5 files, 10 KiB"),
}


def seed_ci(session: Session, project: int, evil: str) -> None:
    """An older green verdict, a newer red one whose texts are hostile when asked."""
    manifest = artifacts.put(session, b"{}", kind="bundle", media_type="application/json", now=ago(days=1))
    bundle = Bundle(
        digest=digest_of("bundle"),
        manifest=manifest,
        commit=digest_of("commit 1")[:40],
        lock_digest=digest_of("lock"),
        files=5,
        size_bytes=10_570,
        created_at=ago(days=1),
    )
    session.add(bundle)
    session.flush()
    _one(session, project, 1, Verdict.GREEN, "two views more", bundle.id)
    _one(session, project, 0, Verdict.RED, evil or "share of late arrivals, wrongly", None)


def _one(session: Session, project: int, days: int, verdict: Verdict, subject: str, bundle: int | None) -> None:
    is_red = verdict is Verdict.RED
    begun = ago(days=days, hours=2)
    commit = digest_of(f"commit {days}")[:40]
    run = Run(
        key=digest_of(f"ci {days}")[:12], flow="ci", project_id=project,
        state=RunState.FAILED if is_red else RunState.COMPLETED, cause=CauseKind.COMMIT, cause_key=commit,
        requested_by="ben", requested_at=begun, started_at=begun, finished_at=begun + timedelta(seconds=13),
        duration_s=13.0, stages=6, stages_done=1 if is_red else 6,
    )  # fmt: skip
    session.add(run)
    session.flush()
    assert run.id is not None
    why = "projects/flight-delay/tests: FAILED test_features.py::test_no_future - assert 3 == 2"
    for at, (name, (lasted, says)) in enumerate(STAGES.items()):
        failed = is_red and name == "tests"
        session.add(
            Task(
                run_id=run.id, name=name, ordinal=at, state=TaskState.FAILED if failed else TaskState.COMPLETED,
                says="" if failed else says, error=why if failed else "", started_at=begun,
                finished_at=begun + timedelta(seconds=lasted), duration_s=lasted,
            )
        )  # fmt: skip
        session.add(LogLine(run_id=run.id, seq=at, at=begun, level="info", says=f"{name}: begins ({at + 1} of 6)"))
        if failed:
            break
    session.add(
        CiVerdict(
            project_id=project, run_id=run.id, commit=commit, branch="main", author="ben", subject=subject,
            verdict=verdict, stage="tests" if is_red else "", reason=why if is_red else "", bundle_id=bundle,
            duration_s=13.3, created_at=begun + timedelta(seconds=13),
        )
    )  # fmt: skip
    session.flush()
