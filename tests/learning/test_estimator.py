"""scikit-learn estimators in a package: one digest, no foreign types, the same answers in a child."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from app.domain.errors import BadInput, Damaged
from app.domain.problem import Task
from app.learning.estimator import dump_estimator, load_estimator
from app.learning.formats import Format
from app.learning.loader import LoadedModel, check_in_child
from app.learning.package import Package, make_package
from app.learning.signature import Feature, Signature
from tests.learning.test_package import EMPTY

SIGNATURE = Signature(
    Task.BINARY, "y", (Feature("n", "number"), Feature("c", "category", categories=("a", "b"))), ("0", "1")
)
RECORDS: list[dict[str, object]] = [{"n": 0.5, "c": "a"}, {"n": None, "c": "b"}, {"n": -1, "c": "unseen"}]
GENERATOR = np.random.default_rng(5)
ROWS = np.column_stack([GENERATOR.normal(size=300), GENERATOR.integers(0, 2, 300)])
TARGET = (ROWS[:, 0] + ROWS[:, 1] > 0.5).astype(float)


def linear() -> Any:
    """A pipeline with imputing, scaling and one-hot codes."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    codes = make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(ColumnTransformer([("n", numbers, [0]), ("c", codes, [1])]), LogisticRegression())


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "linear": linear,
    "forest": lambda: make_pipeline(SimpleImputer(), RandomForestClassifier(4, random_state=1)),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=4, random_state=1),
    "network": lambda: make_pipeline(SimpleImputer(), MLPClassifier((3,), max_iter=20, random_state=1)),
}


def packed_rows(rows: Any) -> Any:
    """A function that a model must not be able to name."""
    return rows


def packed(content: bytes) -> Package:
    """A package with true answers."""
    facts = {"signature": SIGNATURE.as_json(), **EMPTY}
    draft = make_package(model=content, inputs=RECORDS, predictions=[0.0], facts=facts, form=Format.SKOPS)
    answers = LoadedModel(draft).predict(RECORDS)
    return make_package(model=content, inputs=RECORDS, predictions=answers, facts=facts, form=Format.SKOPS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_the_same_fit_gives_the_same_bytes_and_the_same_answers(name: str) -> None:
    first, second = (ESTIMATORS[name]().fit(ROWS, TARGET) for _ in range(2))

    contents = [dump_estimator(first), dump_estimator(second)]

    assert contents[0] == contents[1]
    again = load_estimator(contents[0])
    assert np.array_equal(again.predict_proba(ROWS), first.predict_proba(ROWS))
    model = LoadedModel(packed(contents[0]))
    assert model.predict_matrix(ROWS) == pytest.approx(first.predict_proba(ROWS)[:, 1], abs=0)


@pytest.mark.filterwarnings("ignore")
def test_a_child_proves_an_estimator_as_it_proves_trees() -> None:
    package = packed(dump_estimator(linear().fit(ROWS, TARGET)))

    verdict = check_in_child(package, 60.0)

    assert verdict.ok, verdict.says
    assert verdict.rows == len(RECORDS)


def test_an_estimator_that_could_call_any_function_is_not_kept() -> None:
    estimator = make_pipeline(FunctionTransformer(packed_rows), LogisticRegression()).fit(ROWS, TARGET)

    with pytest.raises(BadInput, match="packed_rows"):
        dump_estimator(estimator)


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")])
def test_a_foreign_type_is_refused_before_anything_is_built(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = dump_estimator(LogisticRegression().fit(ROWS, TARGET))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {entry: archive.read(entry) for entry in archive.namelist()}
    schema = json.loads(members["schema.json"])
    schema["content"] |= {"__module__": module, "__class__": name}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for entry, data in (members | {"schema.json": json.dumps(schema).encode()}).items():
            archive.writestr(entry, data)
    import skops.io

    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was parsed"))

    with pytest.raises(Damaged, match=name):
        load_estimator(out.getvalue())


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 100, b"\x80\x04\x95"])
def test_bytes_that_are_no_archive_are_damaged(content: bytes) -> None:
    with pytest.raises(Damaged):
        load_estimator(content)
