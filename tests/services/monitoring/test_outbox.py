"""Decisions survive whatever happens between their commit and their event."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.domain.errors import NotFound, Refused, Unavailable
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.services.monitoring import claim_decision, emit_waiting
from app.services.running import Cancelled
from app.services.workspaces import now
from app.store.engine import Store
from app.store.queries.monitoring import decisions
from app.store.tables import Decision, Run
from tests.monthly import Month, arrive


class Post:
    """Keeps what was sent; refuses the first `down` times."""

    def __init__(self, down: int = 0) -> None:
        self.down = down
        self.sent: list[tuple[str, str, dict[str, object], str]] = []

    def __call__(
        self, workspace: Workspace, event: str, resource: str, payload: Mapping[str, object], *, key: str = ""
    ) -> None:
        if self.down > 0:
            self.down -= 1
            raise Unavailable("nobody answers")
        self.sent.append((event, resource, dict(payload), key))


@pytest.fixture
def decided(april_store: Store) -> str:
    """A decision to retrain that was not sent: no orchestrator runs here, as after a crash before the event."""
    (decision,) = [each for each in decisions(april_store.reader) if each.retrain]
    assert decision.emitted_at is None
    return decision.key


def run_ids(store: Store, count: int) -> list[int]:
    with store.read() as session:
        found = session.execute(select(col(Run.id)).order_by(col(Run.id)).limit(count)).scalars()
        return [run or 0 for run in found]


def test_what_was_not_sent_is_sent_later_and_once(april: Workspace, april_store: Store, decided: str) -> None:
    post = Post(down=1)

    counts = [emit_waiting(april_store, april, emit=post) for _ in range(3)]

    assert counts == [0, 1, 0]
    ((event, resource, payload, key),) = post.sent
    assert (event, resource) == ("trainmaster.retrain.wanted", "trainmaster.project.monthly")
    assert payload["decision"] == decided == key
    assert payload["project"] == "monthly"


CRASH = """
import os, sys
from pathlib import Path
from app.domain.states import RunState
from app.domain.workspace import Workspace
from app.orchestration import events
from tests.monthly import BAD_APRIL, Month, arrive
events.emit = lambda *_, **__: os._exit(9)
arrive(Workspace(Path(sys.argv[1])), BAD_APRIL)
"""


def test_a_crash_between_commit_and_event_loses_and_doubles_nothing(quarter: Workspace, quarter_store: Store) -> None:
    ended = subprocess.run([sys.executable, "-c", CRASH, str(quarter.root)], capture_output=True, check=False)
    post = Post()

    counts = [emit_waiting(quarter_store, quarter, emit=post) for _ in range(2)]

    assert ended.returncode == 9
    assert counts == [1, 0]
    assert len([each for each in decisions(quarter_store.reader) if each.retrain]) == 1


@pytest.mark.parametrize("sent_ago", [timedelta(minutes=6), -timedelta(days=900)], ids=["lost", "clock set back"])
def test_a_decision_lost_in_the_orchestrator_is_sent_again(
    april: Workspace, april_store: Store, decided: str, sent_ago: timedelta
) -> None:
    post = Post()
    emit_waiting(april_store, april, emit=post)
    with april_store.write() as session:
        session.connection().execute(update(Decision).values(emitted_at=now() - sent_ago))

    again = emit_waiting(april_store, april, emit=post)

    assert again == 1
    assert [sent[2]["decision"] for sent in post.sent] == [decided, decided]
    assert post.sent[0][3] != post.sent[1][3]


def test_one_run_claims_a_decision_and_a_second_is_cancelled(
    april: Workspace, april_store: Store, decided: str
) -> None:
    first, second = run_ids(april_store, 2)

    with april_store.write() as session:
        claim_decision(session, decided, first)
        claim_decision(session, decided, first)

    with pytest.raises(Cancelled, match="already"), april_store.write() as session:
        claim_decision(session, decided, second)
    assert emit_waiting(april_store, april, emit=Post()) == 0


def test_a_decision_whose_run_crashed_is_sent_again_twice_at_most(
    april: Workspace, april_store: Store, decided: str
) -> None:
    post = Post()
    counts = [emit_waiting(april_store, april, emit=post)]

    for run in run_ids(april_store, 4):
        with april_store.write() as session:
            session.connection().execute(update(Run).where(col(Run.id) == run).values(state=RunState.CRASHED))
            if counts[-1]:
                claim_decision(session, decided, run)
        counts.append(emit_waiting(april_store, april, emit=post))

    assert counts == [1, 1, 1, 0, 0]
    assert len({sent[3] for sent in post.sent}) == 3


def test_a_decision_whose_run_failed_is_not_sent_again(april: Workspace, april_store: Store, decided: str) -> None:
    (run,) = run_ids(april_store, 1)
    with april_store.write() as session:
        session.connection().execute(update(Run).where(col(Run.id) == run).values(state=RunState.FAILED))
        claim_decision(session, decided, run)

    assert emit_waiting(april_store, april, emit=Post()) == 0


def test_a_decision_that_says_no_or_is_unknown_starts_nothing(
    april: Workspace, april_store: Store, decided: str
) -> None:
    (run,) = run_ids(april_store, 1)
    with april_store.write() as session:
        session.connection().execute(update(Decision).values(retrain=False))

    with pytest.raises(Refused, match="says no"), april_store.write() as session:
        claim_decision(session, decided, run)
    with pytest.raises(NotFound), april_store.write() as session:
        claim_decision(session, "nothing", run)


def test_the_retrain_run_claims_its_decision_and_then_the_cool_down_is_over(
    april: Workspace, april_store: Store, decided: str
) -> None:
    from flows.train import train

    (alert,) = {decision.alert for decision in decisions(april_store.reader)}
    parameters: dict[str, Any] = {"decision": decided}
    train("monthly", cause="alert", cause_key=alert, parameters=parameters, workspace=str(april.root))

    (decision,) = [each for each in decisions(april_store.reader) if each.retrain]
    run = april_store.reader.one("SELECT cause, cause_key, state FROM run WHERE key = :key", {"key": decision.run})
    assert run == {"cause": "alert", "cause_key": alert, "state": "completed"}
    with pytest.raises(Cancelled):
        train("monthly", cause="alert", cause_key=alert, parameters=parameters, workspace=str(april.root))

    again = arrive(april, Month(5, meaning=0.1))

    assert [retrain for _, retrain, _ in again["decisions"]] == [True]
