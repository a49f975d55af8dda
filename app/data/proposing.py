"""Looking at one file and proposing what to learn from it, with a reason for every choice."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from app.data.columns import Column, columns_of
from app.data.leaks import leak
from app.data.readers import Raw
from app.domain.errors import Refused, Usage
from app.domain.problem import METRICS_OF, MetricName, Task
from app.domain.text import visible

LEAST_ROWS = 30
LEAST_OF_A_CLASS = 4
MOST_CLASSES = 50
MOST_CATEGORIES = 1000
WHOLE_CLASSES = 10
TIME_SPLIT_DAYS = 62
TARGET_WORDS = (
    *("target", "label", "labels", "y", "class", "outcome", "churn", "churned", "default", "defaulted", "fraud"),
    *("is_fraud", "survived", "diagnosis", "species", "late", "converted", "clicked", "response", "quality"),
    *("medhousevalue", "saleprice", "price", "sales", "demand", "score", "result"),
)


@dataclass(frozen=True)
class Chosen:
    """A choice and the reason for it; `name` is None when there is nothing to choose."""

    name: str | None
    why: str


@dataclass(frozen=True)
class Field:
    """A column that becomes a feature, and what it holds."""

    name: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class Proposed:
    """What to learn from a file; `excluded` are (column, why) pairs."""

    rows: int
    target: Chosen
    target_kind: str
    task: Task
    task_why: str
    metric: MetricName
    time: Chosen
    by_time: bool
    entity: Chosen
    entity_kind: str
    features: tuple[Field, ...]
    excluded: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def propose(raw: Raw, *, target: str | None = None, time: str | None = None, entity: str | None = None) -> Proposed:
    """Choose target, task, time and entity; raises Refused with the reason, Usage for an unknown column.

    >>> frame = pd.DataFrame({"size": [n * 7 % 40 for n in range(40)], "price": [n * 2.5 + n % 7 for n in range(40)]})
    >>> found = propose(Raw(frame, "homes.csv", "", 0))
    >>> found.target.name, found.task, [field.name for field in found.features]
    ('price', <Task.REGRESSION: 'regression'>, ['size'])
    """
    columns = columns_of(raw)
    by_name = {column.name: column for column in columns}
    for chosen, option in ((target, "--target"), (time, "--time"), (entity, "--entity")):
        if chosen is not None and chosen not in by_name:
            names = visible(", ".join(by_name), longest=200)
            raise Usage(
                f"there is no column '{visible(chosen)}'", where=raw.file, next_step=f"{option} is one of: {names}"
            )
    if len(raw.frame) < LEAST_ROWS:
        raise Refused(
            f"{len(raw.frame)} rows are too few to train and to test; at least {LEAST_ROWS} are needed",
            where=raw.file,
            next_step="bring more rows",
        )
    if len(columns) < 2:
        raise Refused(
            f"there is one column only ({visible(columns[0].name)}): nothing to learn from",
            where=raw.file,
            next_step="is the separator a comma? bring a file with more columns",
        )
    answer, why_target = _target(columns, target, reserved={time, entity}, raw=raw)
    task, why_task = _task(answer, raw)
    moment = _time(columns, time, answer)
    identity = _entity(columns, entity, answer, moment.name)
    features, excluded = _features(columns, answer, task, moment.name, identity.name)
    if not features:
        reasons = "; ".join(f"{visible(name, longest=40)}: {why}" for name, why in excluded[:5])
        raise Refused(
            f"no column is left to learn {visible(answer.name)!r} from ({reasons})",
            where=raw.file,
            next_step="choose another --target, or bring more columns",
        )
    by_time = moment.name is not None and _spans_months(by_name[moment.name])
    notes = [f"{visible(column.name)}: {column.odd}; such rows go to quarantine" for column in columns if column.odd]
    if answer.missing:
        notes.append(
            f"{answer.missing:,} rows have no {visible(answer.name)}: they are kept, but nothing is learned from them"
        )
    return Proposed(
        rows=len(raw.frame),
        target=Chosen(answer.name, why_target),
        target_kind=answer.kind,
        task=task,
        task_why=why_task,
        metric=METRICS_OF[task][0],
        time=moment,
        by_time=by_time,
        entity=identity,
        entity_kind=by_name[identity.name].kind if identity.name else "number",
        features=tuple(features),
        excluded=tuple(excluded),
        notes=tuple(notes),
    )


def _target(columns: Sequence[Column], named: str | None, *, reserved: set[str | None], raw: Raw) -> tuple[Column, str]:
    if named is not None:
        found = next(column for column in columns if column.name == named)
        problem = _not_a_target(found)
        if problem:
            raise Refused(
                f"{visible(named)!r} cannot be the target: {problem}",
                where=f"{raw.file} column {visible(named)}",
                next_step="choose another --target",
            )
        return found, "you named it"
    free = [column for column in columns if column.name not in reserved]
    for word in TARGET_WORDS:
        for column in free:
            if column.name.strip().lower() == word and not _not_a_target(column):
                return column, "its name says that it is the answer"
    for column in reversed(free):
        if column.kind != "time" and not column.is_named_like_id and not _not_a_target(column):
            last = column is columns[-1]
            return column, "it is the last column" if last else "it is the last column that can be an answer"
    reasons = "; ".join(
        f"{visible(column.name, longest=40)}: {_not_a_target(column) or 'an id or a time'}" for column in free[-5:]
    )
    raise Refused(f"no column can be the target ({reasons})", where=raw.file, next_step="name one with --target COLUMN")


def _not_a_target(column: Column) -> str:
    """Why a column cannot be predicted, or nothing."""
    if column.present == 0:
        return "every value is missing"
    if column.distinct == 1:
        return f"it is constant, always {visible(column.values.dropna().iloc[0], longest=40)!r}"
    if column.present < LEAST_ROWS:
        return f"only {column.present} rows have a value"
    if column.kind == "time":
        return "it is a time"
    if column.kind == "text" and column.distinct > MOST_CLASSES:
        return f"it is text with {column.distinct:,} different values (at most {MOST_CLASSES} classes can be learned)"
    return ""


def _task(answer: Column, raw: Raw) -> tuple[Task, str]:
    shown, count = visible(answer.name), answer.distinct
    if count == 2:
        task, why = Task.BINARY, f"{shown} has two values"
    elif answer.kind == "text":
        task, why = Task.MULTICLASS, f"{shown} is text with {count} values"
    elif answer.is_whole and count <= WHOLE_CLASSES and count * 10 <= answer.present:
        task, why = Task.MULTICLASS, f"{shown} holds {count} different whole numbers"
    else:
        return Task.REGRESSION, f"{shown} is a number with {count:,} different values"
    counts = answer.values.value_counts()
    if int(counts.iloc[-1]) < LEAST_OF_A_CLASS:
        raise Refused(
            f"only {int(counts.iloc[-1])} rows have {shown} = {visible(counts.index[-1], longest=40)}: "
            f"too few to train and to test (at least {LEAST_OF_A_CLASS})",
            where=f"{raw.file} column {shown}",
            next_step="bring more such rows, join rare values, or choose another --target",
        )
    return task, why


def _time(columns: Sequence[Column], named: str | None, answer: Column) -> Chosen:
    if named is not None:
        found = next(column for column in columns if column.name == named)
        if found.kind != "time":
            raise Refused(
                f"{visible(named)!r} does not hold times (ISO 8601, such as 2013-01-31T10:15:00Z)",
                next_step="choose another --time, or write such times",
            )
        return Chosen(named, "you named it")
    for column in columns:
        if column.kind == "time" and column is not answer and column.missing == 0 and column.distinct > 1:
            return Chosen(column.name, "it is the first column of times without gaps")
    return Chosen(None, "no column holds times without gaps")


def _entity(columns: Sequence[Column], named: str | None, answer: Column, time: str | None) -> Chosen:
    if named is not None:
        found = next(column for column in columns if column.name == named)
        if not found.is_unique:
            raise Refused(
                f"{visible(named)!r} does not name each row: {found.missing:,} are missing, "
                f"{found.present - found.distinct:,} repeat another",
                next_step="choose another --entity, or leave it out",
            )
        return Chosen(named, "you named it")
    free = [
        one
        for one in columns
        if one is not answer and one.name != time and one.is_unique and one.kind in ("text", "number")
    ]
    for column in free:
        if column.is_named_like_id and (column.kind == "text" or column.is_whole):
            return Chosen(column.name, "its name says id, and every row has its own")
    for column in free:
        if column.counts_up and column is columns[0]:
            return Chosen(column.name, "it numbers the rows")
    return Chosen(None, "no column names each row; the row's number will")


def _features(
    columns: Sequence[Column], answer: Column, task: Task, time: str | None, entity: str | None
) -> tuple[list[Field], list[tuple[str, str]]]:
    features: list[Field] = []
    excluded: list[tuple[str, str]] = []
    for column in columns:
        if column is answer or column.name == time:
            continue
        if column.name == entity:
            excluded.append((column.name, "it names the row, it does not describe it"))
            continue
        why = _no_feature(column) or leak(column, answer, task)
        if why:
            excluded.append((column.name, why))
        else:
            features.append(Field(column.name, column.kind, column.odd))
    return features, excluded


def _no_feature(column: Column) -> str | None:
    if column.present == 0:
        return "every value is missing"
    if column.distinct == 1:
        return "it is constant"
    if column.kind == "time":
        return "it is a time: make numbers of it in features.py if it helps"
    if column.is_unique and column.is_named_like_id:
        return "it is an id: every row has its own"
    if column.kind == "text":
        if column.distinct == column.present:
            return "it is text that is different in every row"
        if column.distinct > MOST_CATEGORIES and column.distinct * 2 > column.present:
            return f"it is text with {column.distinct:,} different values"
    return None


def _spans_months(column: Column) -> bool:
    first, last = column.values.min(), column.values.max()
    return bool(last - first >= pd.Timedelta(days=TIME_SPLIT_DAYS))


__all__ = ["Chosen", "Field", "Proposed", "propose"]
