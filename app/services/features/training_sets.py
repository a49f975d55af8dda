"""Training sets: named, versioned rows to learn from, which the same id gives again, and what refers to features."""

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.errors import BadInput, Damaged, NotFound
from app.domain.ids import Ref, is_name
from app.domain.problem import Task
from app.domain.project import Split
from app.services.features.reading import (
    FeatureSetInfo,
    TrainingFrame,
    Window,
    feature_sets,
    training_frame,
)
from app.services.running import register_project
from app.services.workspaces import OpenProject, actor, now
from app.store import artifacts, audit, lineage
from app.store.engine import Store
from app.store.queries import training_sets as queries
from app.store.queries.training_sets import TrainingSetRow
from app.store.reader import Reader
from app.store.tables import TrainingSet

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from app.learning.split import Parts


@dataclass(frozen=True)
class Created:
    """A version of a training set; `is_new` is false when the newest one has the same rows and split."""

    project: str
    name: str
    version: int
    digest: str
    split_digest: str
    rows: int
    train_rows: int
    test_rows: int
    purged_rows: int
    features: int
    is_new: bool
    says: str

    @property
    def ref(self) -> Ref:
        """The training set as a node of the lineage."""
        return Ref("training_set", f"{self.project}/{self.name}/{self.version}")


@dataclass(frozen=True)
class Rebuilt:
    """A training set, made again from its id: the rows, the rule and the two sides."""

    row: TrainingSetRow
    frame: TrainingFrame
    rule: Split
    parts: "Parts"


@dataclass(frozen=True)
class Draft:
    """Rows and their split, before they have a name."""

    feature_set_id: int
    features: int
    window: Window
    rule: Split
    rows: int
    digest: str
    parts: "Parts"


def create(
    store: Store,
    project: OpenProject,
    name: str,
    *,
    features: int | None = None,
    window: Window = (None, None),
    rule: Split | None = None,
    by: str | None = None,
) -> Created:
    """Name the labelled rows of a feature set (None: the newest), split by a rule (None: the project's).

    Raises NotFound for an unknown version, BadInput for a name that is none and for a split that leaks.
    """
    if not is_name(name):
        raise BadInput(f"{name!r} is no name", where="name", next_step="use lower-case letters, digits, - and _")
    project_id = register_project(store, project)
    info = _feature_set(store, project_id, features)
    rule = rule or project.file.split
    frame = training_frame(store, project, info.id, window=_window_or_none(window))
    parts = _split(frame, rule, project)
    draft = drafted(frame.frame, parts, rule, feature_set_id=info.id, features=info.version, window=window)
    with store.write() as session:
        return keep(session, project, project_id, name, draft, by=by or actor())


def drafted(
    frame: "pd.DataFrame", parts: "Parts", rule: Split, *, feature_set_id: int, features: int, window: Window
) -> Draft:
    """The rows and sides of a split with their digests."""
    from app.features.row_digest import row_digest

    return Draft(feature_set_id, features, window, rule, len(frame), row_digest(frame), parts)


def keep(
    session: Session, project: OpenProject, project_id: int, name: str, draft: Draft, *, by: str, run: int | None = None
) -> Created:
    """Write a draft as the next version of a name, in the transaction of `session`, unless a version is the same."""
    parts, moment = draft.parts, now()
    same = (
        col(TrainingSet.project_id) == project_id,
        col(TrainingSet.name) == name,
    )
    known: TrainingSet | None = (
        session.execute(
            select(TrainingSet).where(
                *same,
                col(TrainingSet.feature_set_id) == draft.feature_set_id,
                col(TrainingSet.digest) == draft.digest,
                col(TrainingSet.split_digest) == parts.digest,
            )
        )
        .scalars()
        .first()
    )
    if known is not None:
        return _created(project.name, known, draft.features, is_new=False)
    newest = session.execute(select(func.max(col(TrainingSet.version))).where(*same)).scalar_one_or_none()
    sides = artifacts.put(
        session, _packed(parts, draft.rows), kind="split", media_type="application/octet-stream", now=moment
    )
    row = TrainingSet(
        project_id=project_id,
        feature_set_id=draft.feature_set_id,
        run_id=run,
        name=name,
        version=int(newest or 0) + 1,
        window_from=draft.window[0],
        window_to=draft.window[1],
        rows=draft.rows,
        train_rows=len(parts.train),
        test_rows=len(parts.test),
        purged_rows=parts.purged,
        digest=draft.digest,
        split=draft.rule.model_dump_json(),
        split_digest=parts.digest,
        sides=sides,
        actor=by,
        created_at=moment,
    )
    session.add(row)
    session.flush()
    made = _created(project.name, row, draft.features, is_new=True)
    source = Ref("features", f"{project.name}/v{draft.features}")
    lineage.link(session, [(source, made.ref, "drawn_from")], now=moment)
    audit.record(
        session,
        actor=by,
        action="training_set.created",
        subject=str(made.ref),
        now=moment,
        details={"features": str(source), "digest": made.digest, "split": made.split_digest, "rows": made.rows},
    )
    return made


def rebuild(store: Store, project: OpenProject, named: str) -> Rebuilt:
    """The rows and the split of `NAME` (newest version) or `NAME/VERSION`, made again and held to their digests.

    Raises NotFound, Damaged when rows or split are not what they were.
    """
    from app.features.row_digest import row_digest
    from app.learning.split import refuse_leaks

    row = found(store.reader, project.name, named)
    frame = training_frame(store, project, row.feature_set_id, window=_window_or_none(row.window))
    rule = Split.model_validate_json(row.split)
    parts = _split(frame, rule, project)
    for what, was, now_is in (
        ("rows", row.digest, row_digest(frame.frame)),
        ("split", row.split_digest, parts.digest),
    ):
        if was != now_is:
            raise Damaged(
                f"the {what} of training set {row.name}/{row.version} are not what they were "
                f"({was[:12]} then, {now_is[:12]} now)",
                next_step=f"trainmaster features training-set create {row.name}",
            )
    with store.read() as session:
        stored = _unpacked(artifacts.get(session, row.sides))
    if stored.tobytes() != _sides(parts, row.rows).tobytes():
        raise Damaged(
            f"the stored split of {row.name}/{row.version} is another one", next_step="trainmaster store fsck"
        )
    refuse_leaks(frame.frame, parts, rule, project.file.problem)
    return Rebuilt(row, frame, rule, parts)


def found(reader: Reader, project: str, named: str) -> TrainingSetRow:
    """The row of `NAME` (newest version) or `NAME/VERSION`; raises NotFound."""
    name, slash, version = named.partition("/")
    number = version.removeprefix("v")
    if slash and not number.isdecimal():
        raise NotFound(f"there is no training set {named!r}", next_step="trainmaster features training-set ls")
    row = queries.training_set(reader, project, name, int(number) if slash else None)
    if row is None:
        raise NotFound(f"there is no training set {named!r}", next_step="trainmaster features training-set ls")
    return row


def references_of(store: Store, feature_set_id: int) -> tuple[Ref, ...]:
    """What refers to a version of the features and would be lost with it: models, runs, training sets, online rows."""
    return tuple(Ref(row.kind, row.key) for row in queries.references(store.reader, feature_set_id))


def _feature_set(store: Store, project_id: int, version: int | None) -> FeatureSetInfo:
    sets = feature_sets(store, project_id)
    chosen = next((one for one in sets if version is None or one.version == version), None)
    if chosen is None:
        which = "no features were built yet" if version is None else f"there is no version {version} of the features"
        raise NotFound(which, next_step="trainmaster features build")
    return chosen


def _window_or_none(window: Window) -> Window | None:
    return None if window == (None, None) else window


def _split(frame: TrainingFrame, rule: Split, project: OpenProject) -> "Parts":
    from app.learning import encode
    from app.learning.split import split

    problem = project.file.problem
    codes = None
    if problem.task is not Task.REGRESSION and frame.target in frame.frame.columns:
        classes = encode.learn_classes(frame.frame[frame.target], problem.task)
        codes = encode.encode_target(frame.frame[frame.target], problem.task, classes)
    return split(frame.frame, rule, problem, codes=codes)


def _sides(parts: "Parts", rows: int) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    from app.learning.split import sides_of

    return sides_of(parts.train, parts.test, rows)


def _packed(parts: "Parts", rows: int) -> bytes:
    """A line of JSON that says what follows, and one byte a row: 0 left out, 1 train, 2 test; compressed."""
    head = json.dumps({"format": 1, "rows": rows, "sides": {"0": "left out", "1": "train", "2": "test"}})
    return zlib.compress(head.encode() + b"\n" + _sides(parts, rows).tobytes(), 6)


def _unpacked(content: bytes) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    import numpy as np

    try:
        head, _, sides = zlib.decompress(content).partition(b"\n")
        rows = int(json.loads(head)["rows"])
    except (zlib.error, ValueError, KeyError):
        raise Damaged("a stored split cannot be read", next_step="trainmaster store fsck") from None
    if len(sides) != rows:
        raise Damaged("a stored split has lost rows", next_step="trainmaster store fsck")
    return np.frombuffer(sides, dtype=np.int8)


def _created(project: str, row: TrainingSet, features: int, *, is_new: bool) -> Created:
    says = (
        f"{row.name}/{row.version}: {row.rows:,} rows of v{features}, {row.train_rows:,} to train, "
        f"{row.test_rows:,} to test, {row.purged_rows:,} left out" + ("" if is_new else " (as before)")
    )
    return Created(
        project,
        row.name,
        row.version,
        row.digest,
        row.split_digest,
        row.rows,
        row.train_rows,
        row.test_rows,
        row.purged_rows,
        features,
        is_new,
        says,
    )


__all__ = ["Created", "Draft", "Rebuilt", "create", "drafted", "found", "keep", "rebuild", "references_of"]
