"""Feature code: the DAG out of parameter names, digests of code, and errors with file, line and function."""

import sys

import pandas as pd
import pytest

from app.domain.errors import BadInput
from app.features.rules import load, run

GOOD = """
LIMIT = 30

def _minutes(x):
    return x * 60

def clean(flights):
    return flights.dropna()

def late(clean, limit=LIMIT):
    return clean[clean["delay"] >= limit]

def share(late, weather):
    return late.assign(m=_minutes(late["delay"]))
"""


def test_parameters_make_the_order() -> None:
    rules = load(GOOD, "projects/x/features.py")

    assert rules.order(["share"], ["flights", "weather"]) == ["clean", "late", "share"]
    assert rules.sources_of("share", ["flights", "weather"]) == ["flights", "weather"]
    assert rules.sources_of("late", ["flights", "weather"]) == ["flights"]


def test_a_digest_changes_with_the_code_that_a_function_uses_and_with_no_other() -> None:
    before = load(GOOD, "f.py")
    helper = load(GOOD.replace("x * 60", "x * 61"), "f.py")
    comment = load(GOOD.replace("LIMIT = 30", "# thirty minutes\nLIMIT = 30"), "f.py")

    sources = ["flights", "weather"]
    assert helper.digest_of(["share"], sources) != before.digest_of(["share"], sources)
    assert helper.digest_of(["late"], sources) == before.digest_of(["late"], sources)
    assert comment.digest_of(["share"], sources) == before.digest_of(["share"], sources)


BROKEN = {
    "a syntax error": ("def a(:\n    pass\n", "not valid Python", "f.py line 1"),
    "an error while loading": ("x = 1\ny = 1 / 0\n", "cannot be loaded: ZeroDivisionError", "f.py line 2"),
    "an exit while loading": ("import sys\nsys.exit(3)\n", "cannot be loaded: SystemExit", "f.py line 2"),
    "a circle": ("def a(b): return b\ndef b(a): return a\n", "in a circle: a -> b -> a", "f.py line 1"),
    "an unknown parameter": ("\ndef a(nothing): return nothing\n", "reads 'nothing', which is neither", "f.py line 2"),
    "no such function": ("def b(rows): return rows\n", "no function 'a'", "f.py"),
    "an error in the function": (
        "def a(rows):\n    return rows['gone']\n",
        "function 'a' failed: KeyError",
        "f.py line 2",
    ),
    "no frame": ("def a(rows): return 7\n", "gives a int, not a DataFrame", "f.py line 1"),
    "a number as a name": ("def a(rows): return rows.rename(columns={'x': 1})\n", "named '1'", "f.py line 1"),
    "a column twice": (
        "import pandas as pd\ndef a(rows): return pd.concat([rows, rows], axis=1)\n",
        "'x' twice",
        "f.py line 2",
    ),
    "a hostile exception": ("def a(rows):\n    raise ValueError('\\x1b]52;c;x\\x07')\n", "\\e]52", "f.py line 2"),
}


def computed(text: str) -> pd.DataFrame:
    rules = load(text, "f.py")
    rules.order(["a"], ["rows"])
    return run(rules, "a", {"rows": pd.DataFrame({"x": [1]})})


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_in_feature_code_is_named_with_line_and_function(case: str) -> None:
    text, words, where = BROKEN[case]

    with pytest.raises(BadInput) as found:
        computed(text)

    assert words in found.value.message
    assert "\x1b" not in found.value.message
    assert found.value.where == where
    assert found.value.next_step


def test_loading_leaves_nothing_behind() -> None:
    before = set(sys.modules)

    load("import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1\ndef a(rows): return rows\n", "f.py")

    assert not {name for name in set(sys.modules) - before if name.startswith("_features")}


def test_a_function_that_changes_its_input_changes_it_for_no_other() -> None:
    rules = load("def a(rows):\n    rows['x'] = 0\n    rows['y'] = 1\n    return rows\n", "f.py")
    rows = pd.DataFrame({"x": [1, 2]})

    run(rules, "a", {"rows": rows})

    assert rows.to_dict("list") == {"x": [1, 2]}


BESIDE = """
from limits import LATE, double
def a(rows):
    import deeper
    return rows[rows["x"] >= double(LATE) - deeper.SHIFT]
def b(rows):
    return rows
"""
LIMITS = "LATE = 1\nUNUSED = 5\ndef double(x):\n    return x + x\n"
MODULES = {"limits": LIMITS, "deeper": "from limits import LATE\nSHIFT = LATE\n", "other": "x = 1 / 0\n"}


def test_a_module_beside_features_can_be_imported_and_counts_for_the_digest() -> None:
    before = load(BESIDE, "p/features.py", MODULES)
    used = load(BESIDE, "p/features.py", MODULES | {"limits": LIMITS.replace("x + x", "x * 2")})
    unused = load(BESIDE, "p/features.py", MODULES | {"limits": LIMITS.replace("UNUSED = 5", "UNUSED = 6")})
    deep = load(BESIDE, "p/features.py", MODULES | {"deeper": "SHIFT = 1\n"})

    assert run(before, "a", {"rows": pd.DataFrame({"x": [0, 1, 2]})})["x"].tolist() == [1, 2]
    digests = [one.digest_of(["a"], ["rows"]) for one in (before, used, unused, deep)]
    assert digests[0] == digests[2]
    assert len({digests[0], digests[1], digests[3]}) == 3
    assert before.digest_of(["b"], ["rows"]) == used.digest_of(["b"], ["rows"])
    assert not {"limits", "deeper", "other"} & set(sys.modules)


def test_an_error_in_a_module_beside_features_names_its_line() -> None:
    with pytest.raises(BadInput) as found:
        load("import other\n", "p/features.py", MODULES)

    assert found.value.where == "p/other.py line 1"
