"""Training through LightGBM's C interface gives what the `lightgbm` package gives, to the byte."""

from typing import Any

import numpy as np
import pytest

from app.learning.boosting import Ensemble, LightGbmRefused
from app.learning.dataset import make_dataset

ROUNDS = 12
ROWS = 900
SETTINGS: dict[str, object] = {
    "num_leaves": 15,
    "learning_rate": 0.2,
    "min_data_in_leaf": 10,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 3,
    "verbosity": -1,
    "metric": ["None"],
}


def rows_of(seed: int = 5) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Two numbers, one of them with gaps, and a category as codes."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(ROWS, 3))
    rows[::7, 1] = np.nan
    rows[:, 2] = random.integers(0, 6, ROWS)
    return rows


def text_of(lightgbm: Any, rows: Any, target: Any, weight: Any, parameters: dict[str, object]) -> bytes:
    """The model text that the package writes."""
    data = lightgbm.Dataset(
        rows,
        target,
        weight=weight,
        feature_name=["f0", "f1", "f2"],
        categorical_feature=[2],
        params=dict(parameters),
    )
    booster = lightgbm.Booster(dict(parameters), data)
    for _ in range(ROUNDS):
        booster.update()
    return bytes(booster.model_to_string().encode())


@pytest.mark.parametrize("form", ["matrix", "arrow"])
@pytest.mark.parametrize(
    ("objective", "classes"),
    [("binary", 2), ("multiclass", 3), ("regression", 0), ("quantile", 0)],
    ids=["binary", "multi", "regression", "quantile"],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_model_text_is_that_of_the_package(form: str, objective: str, classes: int, weighted: bool) -> None:
    import lightgbm
    import pyarrow as pa

    matrix = rows_of()
    signal = matrix[:, 0] + (matrix[:, 2] > 2) + np.nan_to_num(matrix[:, 1])
    target: Any = (
        signal if not classes else np.digitize(signal, np.quantile(signal, np.arange(1, classes) / classes)) * 1.0
    )
    weight = np.linspace(0.5, 2.0, ROWS) if weighted else None
    rows: Any = matrix
    if form == "arrow":
        numbers = [pa.array(matrix[:, 0]), pa.array(matrix[:, 1], mask=np.isnan(matrix[:, 1]))]
        rows = pa.table([*numbers, pa.array(matrix[:, 2].astype(np.int32))], names=["f0", "f1", "f2"])
    more: dict[str, dict[str, object]] = {"multiclass": {"num_class": classes}, "quantile": {"alpha": 0.9}}
    parameters = {**SETTINGS, "objective": objective, **more.get(objective, {})}

    bins = make_dataset(rows, target, parameters=parameters, categories=[2], weight=weight)
    trees = Ensemble(bins, None, parameters)
    for _ in range(ROUNDS):
        trees.update()

    assert trees.text() == text_of(lightgbm, rows, target, weight, parameters)


def test_watched_rows_are_predicted_as_the_parsed_model_predicts_them() -> None:
    import lightgbm

    matrix, watch = rows_of(), rows_of(seed=6)
    target: Any = (matrix[:, 0] > 0) * 1.0
    parameters = {**SETTINGS, "objective": "binary"}
    bins = make_dataset(matrix, target, parameters=parameters, categories=[2])
    trees = Ensemble(bins, make_dataset(watch, parameters=parameters, categories=[2], reference=bins), parameters)

    for _ in range(ROUNDS):
        trees.update()

    parsed = lightgbm.Booster(model_str=trees.text().decode())
    assert np.allclose(trees.watched(), parsed.predict(watch), rtol=0, atol=1e-12)


def test_what_lightgbm_refuses_is_told_in_its_own_words() -> None:
    bins = make_dataset(rows_of(), np.zeros(ROWS), parameters=SETTINGS)

    with pytest.raises(LightGbmRefused, match="num_leaves"):
        Ensemble(bins, None, {**SETTINGS, "objective": "binary", "num_leaves": 1})
