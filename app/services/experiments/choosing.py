"""Which learner a training takes: the project's, or that of a trial of a search (parameters `from` and `trial`)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.ids import Ref
from app.domain.project import Learner
from app.domain.states import TrialState
from app.services.experiments.opening import experiment_of
from app.services.running import RunContext
from app.store.tables import Trial


@dataclass(frozen=True)
class Chosen:
    """A learner, and the search that it came from, when it did."""

    learner: Learner
    search: Ref | None = None
    trial: int | None = None


def chosen_learner(run: RunContext) -> Chosen:
    """The learner for a run; raises NotFound for an unknown search or trial, Refused for a trial without a value."""
    own = run.project.file.learner
    key, wanted = run.parameters.get("from"), run.parameters.get("trial")
    if key is None:
        if wanted is not None:
            raise BadInput("a trial is chosen without a search", next_step="trainmaster train run --from RUN --trial N")
        return Chosen(own)
    with run.store.read() as session:
        search = experiment_of(session, str(key))
        number = search.best if wanted is None else wanted
        if number is None:
            raise Refused(
                f"search {search.key} has no best trial yet",
                next_step=f"trainmaster train search --resume {search.key}",
            )
        row = session.execute(
            select(Trial).where(col(Trial.experiment_id) == search.id, col(Trial.number) == number)
        ).scalar()
        if row is None:
            raise NotFound(
                f"search {search.key} has no trial {number}", next_step=f"trainmaster experiments show {search.key}"
            )
        if row.state is not TrialState.COMPLETED or row.value is None:
            raise Refused(
                f"trial {number} of search {search.key} is {row.state}: it has no value to be chosen for",
                next_step=f"trainmaster experiments show {search.key}",
            )
        parameters, rounds = json.loads(row.parameters), row.rounds or row.rounds_limit
        changed: dict[str, object] = {"kind": row.learner, "parameters": parameters, "seed": row.seed}
        if row.learner in ("lightgbm", "hist"):
            changed["rounds"] = rounds
        elif row.learner == "mlp":
            changed["parameters"] = {**parameters, "epochs": rounds}
        changed["balance"] = row.balance
        learner = Learner.model_validate({**own.model_dump(), **changed})
        return Chosen(learner, Ref("run", search.key), row.number)


__all__ = ["Chosen", "chosen_learner"]
