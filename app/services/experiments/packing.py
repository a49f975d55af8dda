"""The package of a fitted model: its manifest, and a canary with the exact answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.domain.errors import BadInput
from app.machine.environment import this_environment
from app.services.experiments.results import Divided, Pulled
from app.services.running import TaskContext

if TYPE_CHECKING:
    from app.domain.project import ProjectFile
    from app.learning.calibration import Calibration
    from app.learning.evaluate import Slice
    from app.learning.learners import Fitted
    from app.learning.loader import LoadedModel
    from app.learning.package import Package

CANARY_ROWS = 62


def pack(
    task: TaskContext,
    pulled: Pulled,
    divided: Divided,
    fitted: Fitted,
    metrics: Mapping[str, float] | None = None,
    slices: tuple[Slice, ...] = (),
    *,
    model: LoadedModel | None = None,
    calibration: Calibration | None = None,
    report: Mapping[str, object] | None = None,
) -> Package:
    """The package with its canary answered by `model`; without one a draft whose canary is not asked yet."""
    from app.learning.formats import format_of
    from app.learning.package import make_package

    run, parts = task.run, divided.parts
    inputs, answers = ([{}], [0.0]) if model is None else _canary(divided, model)
    facts = {
        "model": run.project.name,
        "run": run.key,
        "signature": divided.signature.as_json(),
        "features": {"version": pulled.version, "digest": pulled.digest},
        "configuration": {"rounds": fitted.rounds, "parameters": fitted.parameters, "charter": run.project.file.digest},
        "split": {"digest": parts.digest, **(divided.rule or run.project.file.split).model_dump(mode="json")},
        "environment": this_environment().as_json(),
        "commit": {"sha": run.commit, "dirty": run.dirty},
        "windows": {"train": parts.train_window.as_json(), "test": parts.test_window.as_json()},
        "rows": {"train": len(parts.train), "test": len(parts.test), "purged": parts.purged},
        "seed": run.project.file.learner.seed,
        "metrics": dict(metrics or {}),
        "slices": [part.as_json() for part in slices],
        "evaluation": dict(report or {}),
        "card": card_facts(run.project.file, fitted.learner),
    }
    return make_package(
        model=fitted.content,
        form=format_of(fitted.format),
        calibration=calibration,
        inputs=inputs,
        predictions=answers,
        facts=json.loads(json.dumps(facts, allow_nan=False)),
    )


def card_facts(project: ProjectFile, learner: str) -> dict[str, object]:
    """What a card says beside the numbers: the charter, the problem, and what a person wrote in `[card]`."""
    return {
        "title": project.title or project.name,
        "charter": project.charter.model_dump(mode="json"),
        "problem": project.problem.model_dump(mode="json"),
        "learner": learner,
        "human": project.card.model_dump(mode="json"),
    }


def _canary(divided: Divided, model: LoadedModel) -> tuple[list[dict[str, object]], list[object]]:
    """Evenly spaced test rows, a row with nothing in it and one with a category nobody has seen."""
    import numpy as np

    from app.learning.child import TOLERANCE
    from app.learning.encode import records_of

    count = len(divided.test_frame)
    places = sorted({round(at * (count - 1) / max(CANARY_ROWS - 1, 1)) for at in range(min(CANARY_ROWS, count))})
    records = records_of(divided.test_frame.iloc[places], divided.signature)
    features = divided.signature.features
    records.append({feature.name: None for feature in features})
    records.append({f.name: "\x00 never seen" if f.kind == "category" else 0.0 for f in features})
    answers = list(model.predict(records))
    ours, theirs = np.asarray(answers[: len(places)]), model.predict_matrix(divided.test[places])
    if not np.allclose(ours, theirs, rtol=0, atol=TOLERANCE):  # a sum over more rows may round another way
        raise BadInput(
            "records and frames of the same rows get different predictions", next_step="trainmaster runs logs RUN"
        )
    return records, answers
