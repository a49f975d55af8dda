"""Opening a search: a new one, or one that was ended; its rows, folds and question must be the same as before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlmodel import col

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref
from app.domain.problem import Direction, Task
from app.domain.project import Search, canonical_json
from app.domain.states import RunState, TrialState
from app.services.experiments.preparing import whole_parameter
from app.services.experiments.results import Divided, Pulled
from app.services.running import TaskContext
from app.services.upkeep import heal
from app.services.workspaces import now
from app.store import audit
from app.store.tables import Experiment, Run, Trial

if TYPE_CHECKING:
    from sqlmodel import Session

    from app.learning.learners import Columns, Question
    from app.learning.search.folds import Fold
    from app.learning.search.study import Tried

NOT_OF_THE_MODEL = {"device", "device_policy", "minutes", "memory_gb"}
"""What of `[learner]` a search may be resumed with another value of."""


@dataclass(frozen=True)
class Opened:
    """A search that can begin its next trial."""

    experiment_id: int
    key: str
    rule: Search
    metric: str
    direction: Direction
    question: Question
    columns: Columns
    folds: tuple[Fold, ...] = field(repr=False)
    history: tuple[Tried, ...] = field(repr=False)
    spent_s: float
    ref: Ref


def open_search(task: TaskContext, pulled: Pulled, divided: Divided) -> Opened:
    """Stage 2 of an experiment: fold the training rows, and write the search or take up the one that is resumed.

    The run's parameters may hold `trials`, `minutes` and `resume` (the key of a run of the search). Raises Refused when
    the search to resume saw other rows, features or settings, or still runs.
    """
    from app.learning import learners
    from app.learning.search import folds as folding
    from app.learning.search.trial import direction_of

    run, problem = task.run, task.run.project.file.problem
    rule = _rule(run.project.file.search, run.parameters)
    signature = divided.signature
    question = learners.Question(problem.task, len(signature.classes), problem.quantile)
    learners.refuse_unfit(rule.learners, question)
    places = tuple(at for at, feature in enumerate(signature.features) if feature.kind == "category")
    columns = learners.Columns(signature.names, places)
    folds = _folds(task, pulled, divided, rule)
    folding.refuse_one_class(folds, divided.train_target, problem.task)
    metric = str(problem.judged_by)
    facts = {
        "search": rule.model_dump(mode="json", exclude={"trials", "minutes", "patience", "good", "minimum_gain"}),
        "learner": run.project.file.learner.model_dump(mode="json", exclude=NOT_OF_THE_MODEL),
        "metric": metric,
        "features": [feature.name for feature in signature.features],
    }
    digest = hashlib.sha256(canonical_json(facts).encode()).hexdigest()
    row = Experiment(
        key=run.key,
        run_id=run.run_id,
        project_id=run.project_id,
        feature_set_id=pulled.feature_set_id,
        metric=metric,
        direction=direction_of(metric),
        configuration=canonical_json(facts),
        configuration_digest=digest,
        split_digest=divided.parts.digest,
        folds_digest=folding.digest_of(folds),
        columns=len(columns.names),
        wanted=rule.trials,
        created_at=now(),
    )
    resumed = run.parameters.get("resume")
    if resumed is not None:
        heal(run.store)  # a search that was killed a moment ago still says that it runs
    with run.store.write() as session:
        kept = row if resumed is None else _taken_up(session, str(resumed), row)
        if resumed is None:
            session.add(row)
            session.flush()
        assert kept.id is not None
        history, spent_s = ((), 0.0) if resumed is None else _history(session, kept.id)
        says = f"{len(folds)} folds: {'; '.join(fold.says for fold in folds)}"
        if resumed is not None:
            says = f"{len(history)} trials of {kept.key} are kept; {says}"
        audit.record(
            session,
            actor=run.actor,
            action="experiment.resumed" if resumed is not None else "experiment.started",
            subject=str(Ref("run", run.key)),
            now=now(),
            details={"experiment": kept.key, "configuration": digest},
        )
        task.complete(session, says=says, inputs=[pulled.ref])
        return Opened(
            kept.id,
            kept.key,
            rule,
            metric,
            direction_of(metric),
            question,
            columns,
            folds,
            history,
            spent_s,
            pulled.ref,
        )


def _rule(search: Search, parameters: Any) -> Search:
    """The section of the project with the budgets of this run in place of its own."""
    changed: dict[str, object] = {}
    trials, minutes = whole_parameter(parameters, "trials"), parameters.get("minutes")
    if trials is not None:
        changed["trials"] = trials
    if minutes is not None:
        changed["minutes"] = float(minutes)
    return Search.model_validate({**search.model_dump(), **changed})


def _folds(task: TaskContext, pulled: Pulled, divided: Divided, rule: Search) -> tuple[Fold, ...]:
    """Folds of the training rows by the kind of the project's split."""
    import pandas as pd

    from app.learning import split as splitting
    from app.learning.search import folds as folding

    file = task.run.project.file
    frame = splitting.rows_at(pulled.frame, divided.parts.train)
    if file.split.kind == "time":
        times = splitting.event_times(frame, file.problem)
        assert times is not None
        label = file.problem.label_time
        known = pd.to_datetime(frame[label], utc=True) if label is not None and label in frame.columns else None
        return folding.by_time(times, rule, file.split, known)
    codes = divided.train_target if file.problem.task is not Task.REGRESSION else None
    return folding.at_random(len(frame), rule, codes)


def _taken_up(session: Session, key: str, row: Experiment) -> Experiment:
    """The search of an earlier run, for this run; what ran when it was killed is tried again, all else is kept."""
    found = experiment_of(session, key)
    for name, what in (
        ("feature_set_id", "another version of the features"),
        ("split_digest", "another split"),
        ("folds_digest", "other folds"),
        ("configuration_digest", "other settings of [search], [learner] or features"),
    ):
        if getattr(found, name) != getattr(row, name):
            raise Refused(
                f"search {found.key} was made on {what}: its trials cannot be compared with new ones",
                next_step="trainmaster train search",
            )
    busy = session.execute(
        select(col(Run.key))
        .join(Trial, col(Trial.run_id) == col(Run.id))
        .where(
            col(Trial.experiment_id) == found.id,
            col(Trial.state) == TrialState.RUNNING,
            col(Run.state) == RunState.RUNNING,
            col(Run.id) != row.run_id,
        )
    ).scalar()
    if busy is not None:
        raise Refused(f"search {found.key} still runs, in run {busy}", next_step=f"trainmaster runs cancel {busy}")
    session.connection().execute(
        delete(Trial).where(col(Trial.experiment_id) == found.id, col(Trial.state) == TrialState.RUNNING)
    )
    session.connection().execute(
        update(Experiment).where(col(Experiment.id) == found.id).values(finished_at=None, stopped="", wanted=row.wanted)
    )
    return found


def experiment_of(session: Session, key: str) -> Experiment:
    """The search that a run began or went on with; raises NotFound."""
    runs = select(col(Run.id)).where(col(Run.key).startswith(key))
    statement = select(Experiment).where(
        col(Experiment.run_id).in_(runs)
        | col(Experiment.id).in_(select(col(Trial.experiment_id)).where(col(Trial.run_id).in_(runs)))
    )
    found = session.execute(statement.limit(2)).scalars().all()
    if len(found) != 1:
        what = "no search" if not found else "more than one search"
        raise NotFound(f"{what} has a run whose key begins with {key!r}", next_step="trainmaster experiments ls")
    one: Experiment = found[0]
    return one


def _history(session: Session, experiment_id: int) -> tuple[tuple[Tried, ...], float]:
    """The trials so far, and the seconds that they took."""
    from app.learning.search.study import Candidate, Tried

    rows = session.execute(
        select(Trial).where(col(Trial.experiment_id) == experiment_id).order_by(col(Trial.number))
    ).scalars()
    found, spent_s = [], 0.0
    for row in rows:
        candidate = Candidate(
            row.learner,
            json.loads(row.parameters),
            row.rounds_limit,
            row.seed,
            row.balance,
        )
        curve = tuple((share, value) for share, value in json.loads(row.curve))
        found.append(Tried(row.number, candidate, row.state, row.value, row.standard_error, row.rounds or 0, curve))
        spent_s += row.duration_s or 0.0
    return tuple(found), spent_s


__all__ = ["Opened", "experiment_of", "open_search"]
