"""A search for the store of screens: baselines, trials of two learners, one given up, one failed, one running."""

import json
from datetime import timedelta

from sqlmodel import Session

from app.domain.problem import Direction
from app.domain.states import CauseKind, RunState, TaskState, TrialState
from app.store.tables import Experiment, Run, Task, Trial
from tests.tui.seed_words import ago, digest_of

VALUES = (0.5, 0.611, 0.701, 0.688, 0.709, 0.66, 0.713, 0.705)
STATES = {5: TrialState.PRUNED, 8: TrialState.FAILED, 9: TrialState.RUNNING}
KINDS = ("dummy", "naive", "lightgbm", "logistic")


def search_run(session: Session, project: int) -> Run:
    """The run of a search that is under way."""
    run = Run(
        key=digest_of("search")[:12], flow="experiment", project_id=project, state=RunState.RUNNING,
        cause=CauseKind.PERSON, requested_by="ana", requested_at=ago(minutes=9), started_at=ago(minutes=9), stages=4,
        stages_done=3,
    )  # fmt: skip
    session.add(run)
    session.flush()
    return run


def seed_trials(session: Session, project: int, run: Run, features: int, evil: str) -> None:
    """What that search has tried, with texts that are hostile when asked."""
    assert run.id is not None
    task = Task(
        run_id=run.id, name="search", ordinal=3, state=TaskState.RUNNING, says="trial 9 (lightgbm): auc 0.7011",
        share=0.3, eta_s=640.0, started_at=ago(minutes=8),
    )  # fmt: skip
    experiment = Experiment(
        key=run.key, run_id=run.id, project_id=project, feature_set_id=features, metric="auc",
        direction=Direction.HIGHER, configuration_digest=digest_of("c"), split_digest=digest_of("s"),
        folds_digest=digest_of("f"), columns=18, wanted=30, best=6, created_at=ago(minutes=9),
        edges=json.dumps(["num_leaves = 7 lies at the lower edge of its space (7)"]),
    )  # fmt: skip
    session.add_all([task, experiment])
    session.flush()
    assert experiment.id is not None
    for number in range(10):
        state = STATES.get(number, TrialState.COMPLETED)
        value = VALUES[number] if number < len(VALUES) else None
        learner = KINDS[number] if number < len(KINDS) else KINDS[2 + number % 2]
        curve = [[at / 20, 0.55 + 0.15 * (1 - 0.8**at) + number / 500] for at in range(1, 21)]
        begun = ago(minutes=8) + timedelta(seconds=40 * number)
        session.add(
            Trial(
                experiment_id=experiment.id, number=number, run_id=run.id, state=state, learner=learner,
                parameters=json.dumps({"learning_rate": 0.031 + number / 100, "num_leaves": 7 + number}),
                rounds_limit=300, seed=7, balance=False, rounds=200 + number, value=value,
                standard_error=0.004 if value else None,
                fold_values=json.dumps([value - 0.01, value, value + 0.01] if value else []),
                curve=json.dumps(curve if learner == "lightgbm" else []),
                says=(evil or "LightGBM: num_leaves must be larger than 1") if state is TrialState.FAILED else "",
                peak_bytes=700 << 20, started_at=begun,
                finished_at=None if state is TrialState.RUNNING else begun + timedelta(seconds=38),
                duration_s=None if state is TrialState.RUNNING else 38.2,
            )
        )  # fmt: skip
