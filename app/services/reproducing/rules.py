"""Why features cannot come out the same: they were built by other code than the run's own checkout has."""

import difflib
import json
from collections.abc import Mapping

from sqlalchemy import select
from sqlmodel import col

from app.domain.text import visible
from app.services.reproducing.verdict import Step
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import FeatureCode, FeatureSet

Code = Mapping[str, str]
SHOWN = 100


def other_rules(store: Store, stored: FeatureSet, second: Store, rebuilt: FeatureSet) -> Step:
    """The tables whose rules are others, and the first line of code that differs: edited, and never built."""
    theirs, ours = json.loads(stored.views), json.loads(rebuilt.views)
    names = [
        name
        for name in sorted({*theirs, *ours})
        if theirs.get(name, {}).get("rules") != ours.get(name, {}).get("rules")
    ]
    one, other = first_change(_code_of(store, stored), _code_of(second, rebuilt))
    tables = f" ({', '.join(names)})" if names else ""
    says = (
        f"v{stored.version} of the features was built by other code than the run's commit and patch have{tables}: "
        f"{one} when it was built, {other} in the run's code; "
        "features.py was edited and not built before the training: build the features, then train again"
    )
    difference = {"view": None, "column": "rules", "tables": names, "stored": one, "rebuilt": other}
    return Step("features", "differs", says, difference)


def first_change(one: Code, other: Code) -> tuple[str, str]:
    """The first line of code that only one of both has, with its file, from each side.

    >>> first_change({"features.py": "a = 1\\nb = 2"}, {"features.py": "a = 1\\nb = 3"})
    ("'b = 2' (features.py line 2)", "'b = 3' (features.py line 2)")
    >>> first_change({"features.py": "a = 1"}, {"features.py": "a = 1", "limits.py": "b = 3"})
    ('nothing', "'b = 3' (limits.py line 1)")
    """
    for name in sorted({*one, *other}):
        mine, theirs = one.get(name, "").splitlines(), other.get(name, "").splitlines()
        for tag, a, b, c, d in difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
            if tag != "equal":
                return _line(name, mine, a, b), _line(name, theirs, c, d)
    return "its declaration in project.toml", "another one"


def _line(name: str, lines: list[str], start: int, end: int) -> str:
    if start == end:
        return "nothing"
    return f"{visible(lines[start].strip(), longest=SHOWN)!r} ({name} line {start + 1})"


def _code_of(store: Store, features: FeatureSet) -> Code:
    query = select(col(FeatureCode.artifact)).where(col(FeatureCode.feature_set_id) == features.id)
    with store.read() as session:
        digest = session.execute(query).scalar_one_or_none()
        found: Code = json.loads(artifacts.get(session, digest)) if digest else {}
    return found
