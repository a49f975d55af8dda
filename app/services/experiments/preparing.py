"""Stages 1 and 2 of training: the labelled rows of a pinned feature set, divided, checked and encoded."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import BadInput, Damaged, NotFound
from app.domain.ids import Ref
from app.domain.policy import training_rule
from app.domain.problem import Task
from app.domain.project import Split
from app.services.experiments.results import Divided, Pulled
from app.services.features import training_sets
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import ledger, lineage
from app.store.tables import FeatureSet

DEFAULT_TRAINING_SET = "newest"
"""The name of the rows of a run that was told no training set: the labelled rows of its features."""


def pull(task: TaskContext) -> Pulled:
    """Stage 1: the labelled rows of the pinned feature set (parameter `feature_set`, else the newest)."""
    from app.learning.openmp import wait_passively
    from app.services.features import training_frame

    if not wait_passively():
        task.run.log(
            "OMP_WAIT_POLICY is set too late: lightgbm was loaded before; training may be slow", level="warning"
        )
    run = task.run
    wanted = whole_parameter(run.parameters, "feature_set")
    named = run.parameters.get("training_set")
    chosen = training_sets.found(run.store.reader, run.project.name, str(named)) if named is not None else None
    with run.store.read() as session:
        feature_set = find_feature_set(
            session, run.project_id, run.project.name, chosen.features if chosen is not None else wanted
        )
    assert feature_set.id is not None
    window = None if chosen is None or chosen.window == (None, None) else chosen.window
    rows = training_frame(run.store, run.project, feature_set.id, window=window)
    ref = Ref("features", f"{run.project.name}/v{feature_set.version}")
    pulled = Pulled(
        rows.frame, tuple(rows.features), feature_set.id, feature_set.version, feature_set.digest, ref, chosen
    )
    with run.store.write() as session:
        task.complete(
            session,
            says=f"{len(rows.frame):,} labelled rows x {len(rows.features)} features of v{feature_set.version}",
            inputs=[ref],
        )
    return pulled


def find_feature_set(session: Session, project_id: int, project: str, version: int | None) -> FeatureSet:
    """The version of a project's features that was asked for, or the newest; raises NotFound."""
    statement = select(FeatureSet).where(col(FeatureSet.project_id) == project_id)
    if version is not None:
        statement = statement.where(col(FeatureSet.version) == version)
    found: FeatureSet | None = (
        session.execute(statement.order_by(col(FeatureSet.version).desc()).limit(1)).scalars().first()
    )
    if found is None:
        which = "no version of the features" if version is None else f"no version {version} of the features"
        raise NotFound(f"there is {which} of {project}", next_step=f"trainmaster features build {project}")
    return found


def split(task: TaskContext, pulled: Pulled) -> Divided:
    """Stage 2: train and test rows, checked for overlap and for classes, and encoded."""
    from app.learning import encode, evaluate
    from app.learning import split as splitting

    problem, rule = task.run.project.file.problem, task.run.project.file.split
    if pulled.training_set is not None:
        rule = Split.model_validate_json(pulled.training_set.split)
    months = training_rule(task.run.parameters, task.run.project.file.feedback).train_months
    if months is not None and rule.kind == "time":
        rule = rule.model_copy(update={"train_months": months})
    frame = pulled.frame
    if problem.target not in frame.columns:
        raise BadInput(
            f"the target {problem.target} is not in the training frame",
            where="problem.target",
            next_step="return it from the spine function in features.py",
        )
    names = [feature.name for feature in pulled.features]
    if problem.target in names:
        raise BadInput(
            f"the target {problem.target} is also a feature", where=problem.target, next_step="remove it from the views"
        )
    target = frame[problem.target]
    classes = encode.learn_classes(target, problem.task)
    numbers = encode.encode_target(target, problem.task, classes)
    if problem.task is Task.REGRESSION and len(frame) and numbers.min() == numbers.max():
        raise BadInput(
            f"the target {problem.target} is always {numbers[0]:g}: there is nothing to learn",
            where=problem.target,
            next_step="trainmaster data ls, then correct the target in project.toml or features.py",
        )
    parts = splitting.split(frame, rule, problem, codes=numbers)
    train_target, test_target = numbers[parts.train], numbers[parts.test]
    if problem.task is not Task.REGRESSION:
        evaluate.refuse_one_class(train_target, "training")
        evaluate.refuse_one_class(test_target, "test")
    train_frame, test_frame = (splitting.rows_at(frame, places) for places in (parts.train, parts.test))
    learned = encode.learn_signature(
        train_frame, pulled.features, task=problem.task, target=problem.target, classes=classes
    )
    train, test = encode.encode(train_frame, learned), encode.encode(test_frame, learned)
    for name, count in (*train.infinities.items(), *test.infinities.items()):
        task.run.log(f"{name}: {count} infinities count as missing", level="warning")
    run = task.run
    window = pulled.training_set.window if pulled.training_set is not None else (None, None)
    draft = training_sets.drafted(
        frame, parts, rule, feature_set_id=pulled.feature_set_id, features=pulled.version, window=window
    )
    _require_same(pulled, draft)
    with run.store.write() as session:
        name = pulled.training_set.name if pulled.training_set is not None else DEFAULT_TRAINING_SET
        kept = training_sets.keep(session, run.project, run.project_id, name, draft, by=run.actor, run=run.run_id)
        lineage.link(session, [(kept.ref, run.ref, "learned_from")], now=now())
        ledger.log_parameters(session, run.run_id, {"training_set": f"{kept.name}/{kept.version}"})
        task.complete(session, says=kept.says, inputs=[pulled.ref], outputs=[kept.ref])
    return Divided(
        parts,
        learned,
        train,
        train_target,
        test,
        test_target,
        test_frame,
        rule,
    )


def _require_same(pulled: Pulled, draft: "training_sets.Draft") -> None:
    """Raise Damaged when a named training set does not give the rows and the split that it gave before."""
    wanted = pulled.training_set
    if wanted is not None and (wanted.digest, wanted.split_digest) != (draft.digest, draft.parts.digest):
        raise Damaged(
            f"training set {wanted.name}/{wanted.version} does not give the same rows and split any more",
            next_step=f"trainmaster features training-set create {wanted.name}",
        )


def whole_parameter(parameters: Mapping[str, object], name: str) -> int | None:
    """A whole number from 1 among the run's parameters, or None when it is absent; raises BadInput otherwise."""
    value = parameters.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100_000:
        raise BadInput(
            f"{name} is {str(value)[:60]!r}, not a whole number from 1 to 100,000",
            where=f"parameters.{name}",
            next_step=f"trainmaster train run PROJECT --set {name}=100",
        )
    return value
