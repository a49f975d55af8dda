"""The files of a proposed project: `project.toml`, `features.py` and its test, as text."""

import re
from collections.abc import Sequence

from app.data.proposing import Proposed
from app.domain.problem import Task

ROW_ID, SEEN_AT = "row_id", "seen_at"
SOURCE, SPINE, VIEW = "rows", "labelled", "facts"


def toml_text(value: str) -> str:
    """A TOML string of any text.

    >>> toml_text('say "hi"'), toml_text("a\\x1bb")
    ('"say \\\\"hi\\\\""', '"a\\\\u001Bb"')
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04X}", escaped) + '"'


def project_toml(name: str, proposed: Proposed, *, owner: str, file: str, pattern: str) -> str:
    """The project file of a proposal; every choice carries its reason as a comment."""
    target = proposed.target.name or ""
    entity = entity_name(proposed)
    lines = [
        f"name = {toml_text(name)}",
        "",
        "[charter]",
        f"goal = {toml_text(f'Predict {target} from {file}'[:2000])}",
        f"kpi = {toml_text(f'{proposed.metric} on rows that the model has not seen')}",
        f"owner = {toml_text(owner)}",
        "",
        "[problem]",
        f"task = {toml_text(proposed.task)}  # {_comment(proposed.task_why)}",
        f"target = {toml_text(target)}  # {_comment(proposed.target.why)}",
        f"metric = {toml_text(proposed.metric)}",
        f"entity = [{toml_text(entity)}]  # {_comment(proposed.entity.why)}",
        *(
            [f"event_time = {toml_text(event_name(proposed))}  # {_comment(proposed.time.why)}"]
            if proposed.by_time
            else []
        ),
        "",
        f"[sources.{SOURCE}]",
        f"path = {toml_text(pattern)}",
        *([f"time = {toml_text(proposed.time.name)}"] if proposed.by_time and proposed.time.name else []),
        "",
        f"[sources.{SOURCE}.columns]",
        *_contract(proposed),
        "",
        "[spine]",
        f"function = {toml_text(SPINE)}",
        "",
        f"[views.{VIEW}]",
        f"entity = [{toml_text(entity)}]",
        f"description = {toml_text(f'columns of {file}'[:500])}",
        f"owner = {toml_text(owner)}",
        "",
        "[split]",
        *(
            ['kind = "time"  # the newest month is held out', "test_months = 1"]
            if proposed.by_time
            else ['kind = "random"', "test_share = 0.25", "seed = 7"]
        ),
        "",
        "[learner]",
        'kind = "lightgbm"',
        f"rounds = {100 if proposed.rows < 2000 else 300}",
        "seed = 7",
        "",
        "[learner.parameters]",
        *_parameters(proposed.rows),
        "",
    ]
    return "\n".join(lines)


def features_py(proposed: Proposed, *, file: str) -> str:
    """Feature code that gives the spine and one view."""
    entity, target = entity_name(proposed), proposed.target.name or ""
    own_id = proposed.entity.name is not None
    key = f"rows[{entity!r}]" if own_id else "rows.index"
    spine = [f"            {entity!r}: {key},"]
    if proposed.by_time:
        spine.append(f"            {event_name(proposed)!r}: pd.to_datetime(rows[{proposed.time.name!r}], utc=True),")
    spine.append(f"            {target!r}: rows[{target!r}],")
    columns = [f"    {field.name!r}," for field in proposed.features]
    return "\n".join(
        [
            f'"""Features of {_docstring(file)}: plain pandas, no import from Trainmaster.',
            "",
            "A parameter's name is the source or the function that it reads.",
            '"""',
            "",
            "import pandas as pd",
            "",
            "FEATURES = [",
            *columns,
            "]",
            "",
            "",
            f"def {SPINE}(rows: pd.DataFrame) -> pd.DataFrame:",
            '    """The rows with the answer."""',
            "    return pd.DataFrame(",
            "        {",
            *spine,
            "        }",
            "    )",
            "",
            "",
            f"def {VIEW}(rows: pd.DataFrame) -> pd.DataFrame:",
            '    """The columns that describe a row."""',
            f"    return rows[FEATURES].assign(**{{{entity!r}: {key}}})",
            "",
        ]
    )


def tests_py(proposed: Proposed) -> str:
    """A test of that feature code, on two made-up rows."""
    entity, target = entity_name(proposed), proposed.target.name or ""
    columns: dict[str, list[object]] = {field.name: _examples(field.kind) for field in proposed.features}
    if proposed.entity.name is not None:
        columns[entity] = ["a", "b"] if proposed.entity_kind == "text" else [1, 2]
    if proposed.by_time and proposed.time.name:
        columns[proposed.time.name] = _examples("time")
    columns[target] = _examples(proposed.target_kind)
    rows = [f"        {name!r}: {values!r}," for name, values in columns.items()]
    return "\n".join(
        [
            '"""Tests of the feature code; run them with `python -m pytest` on this folder."""',
            "",
            "import runpy",
            "from pathlib import Path",
            "from types import SimpleNamespace",
            "",
            "import pandas as pd",
            "",
            'features = SimpleNamespace(**runpy.run_path(str(Path(__file__).resolve().parents[1] / "features.py")))',
            "ROWS = pd.DataFrame(",
            "    {",
            *rows,
            "    }",
            ")",
            "",
            "",
            "def test_every_row_has_its_answer() -> None:",
            f"    labelled = features.{SPINE}(ROWS)",
            "",
            f"    assert labelled[{target!r}].tolist() == ROWS[{target!r}].tolist()",
            f"    assert labelled[{entity!r}].is_unique",
            "",
            "",
            "def test_the_answer_is_no_feature() -> None:",
            f"    facts = features.{VIEW}(ROWS)",
            "",
            f"    assert {target!r} not in facts.columns",
            "    assert len(facts) == len(ROWS)",
            "",
        ]
    )


def entity_name(proposed: Proposed) -> str:
    """The column that names a row: the file's own, or one that no other column has the name of."""
    return proposed.entity.name or _free(ROW_ID, proposed)


def event_name(proposed: Proposed) -> str:
    """The event time's name in the spine."""
    return _free(SEEN_AT, proposed)


def _free(name: str, proposed: Proposed) -> str:
    taken = {field.name.lower() for field in proposed.features} | {(proposed.target.name or "").lower()}
    taken |= {excluded.lower() for excluded, _ in proposed.excluded}
    while name in taken:
        name += "_"
    return name


def _contract(proposed: Proposed) -> Sequence[str]:
    lines = []
    if proposed.entity.name is not None:
        lines.append(_rule(proposed.entity.name, proposed.entity_kind, "required = true, unique = true"))
    if proposed.by_time and proposed.time.name is not None:
        lines.append(_rule(proposed.time.name, "time", "required = true"))
    lines.append(_rule(proposed.target.name or "", _target_kind(proposed), ""))
    return [*lines, *(_rule(field.name, field.kind, "") for field in proposed.features)]


def _target_kind(proposed: Proposed) -> str:
    return "number" if proposed.task is Task.REGRESSION else proposed.target_kind


def _rule(column: str, kind: str, more: str) -> str:
    return f"{toml_text(column)} = {{ type = {toml_text(kind)}{', ' + more if more else ''} }}"


def _parameters(rows: int) -> list[str]:
    if rows < 2000:
        return ["learning_rate = 0.05", "num_leaves = 15", f"min_data_in_leaf = {max(2, min(20, rows // 50))}"]
    return ["learning_rate = 0.05", "num_leaves = 31", "min_data_in_leaf = 20"]


def _examples(kind: str) -> list[object]:
    examples: dict[str, list[object]] = {
        "number": [1.0, 2.0],
        "text": ["a", "b"],
        "boolean": [True, False],
        "time": ["2013-01-01T00:00:00Z", "2013-02-01T00:00:00Z"],
    }
    return examples[kind]


def _docstring(text: str) -> str:
    """A text that cannot end a docstring, whatever it holds."""
    return ascii(text)[1:-1].replace('"', "'")


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)[:200]
