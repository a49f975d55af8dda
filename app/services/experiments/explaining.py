"""Why a model predicts what it predicts: for all rows (kept in its manifest), and for one row of a person's choice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.errors import BadInput, NotFound
from app.services.registry.packages import read_package
from app.services.workspaces import OpenProject
from app.store.engine import Store

if TYPE_CHECKING:
    from app.learning.explain import Explained

MOST_BYTES = 1_000_000


def read_record(text: str) -> dict[str, object]:
    """The record of a JSON object; raises BadInput.

    >>> read_record('{"hour": 7}')
    {'hour': 7}
    """
    try:
        record = json.loads(text) if len(text) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise BadInput("the row is not a JSON object", where="--row", next_step="give --row '{\"feature\": 1, ...}'")
    return record


def explain_record(store: Store, model: str, version: int | None, record: Mapping[str, object]) -> Explained:
    """One prediction of a version (None: the one in production), taken apart.

    Raises NotFound for a version that is not there, BadInput for a record that lacks a feature or has a wrong one.
    """
    from app.learning.explain import explain
    from app.learning.loader import LoadedModel

    return explain(LoadedModel(read_package(store, model, version)[1]), record)


def record_of_entity(
    store: Store, project: OpenProject, model: str, version: int | None, entity: str
) -> dict[str, object]:
    """The newest row of an entity in the features that the version learned from, as a record.

    An entity of several columns is written with slashes between its values. Raises NotFound for one that is not there,
    BadInput for a project without entity columns.
    """
    from app.learning.encode import records_of
    from app.learning.signature import Signature, category_text
    from app.services.features import training_frame

    found, package = read_package(store, model, version)
    problem = project.file.problem
    if not problem.entity:
        raise BadInput(
            "the project names no entity columns",
            where="problem.entity",
            next_step=f"trainmaster models explain {model} --row JSON",
        )
    rows = training_frame(store, project, found.feature_set_id, labelled_only=False)
    wanted = tuple(entity.split("/")) if len(problem.entity) > 1 else (entity,)
    if len(wanted) != len(problem.entity):
        names = "/".join(problem.entity)
        raise BadInput(f"an entity has {len(problem.entity)} values: {names}", where="--id", next_step=f"--id {names}")
    frame: Any = rows.frame
    for name, value in zip(problem.entity, wanted, strict=True):
        column = frame[name]
        frame = frame[(column.astype("string") == value) | (column.map(category_text) == value)]
    if len(frame) == 0:
        raise NotFound(
            f"{'/'.join(problem.entity)} {entity!r} is not in version {rows.version} of the features",
            next_step="trainmaster features ls",
        )
    signature = Signature.of_json(package.manifest["signature"])
    return records_of(frame.iloc[[-1]], signature)[0]


__all__ = ["explain_record", "read_record", "record_of_entity"]
