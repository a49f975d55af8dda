"""Why an answer is what it is: the SHAP values of each feature, as LightGBM itself computes them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.gateway.records import Malformed

if TYPE_CHECKING:
    from app.learning.loader import LoadedModel

MOST_EXPLAINED = 100


def explained(model: "LoadedModel", records: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """For each record the expectation and what each feature adds to it, on the scale of raw scores (log-odds).

    Expectation and contributions add up to the raw score, before calibration; a multiclass model has one list a class.
    Raises Malformed for a model that is not LightGBM's, and for more than 100 records.
    """
    from app.learning.native import Trees

    if len(records) > MOST_EXPLAINED:
        raise Malformed(413, f"at most {MOST_EXPLAINED} records a request can be explained", field="explain")
    if not isinstance(model.parsed, Trees):
        raise Malformed(422, "only answers of LightGBM models can be explained", field="explain")
    names, classes = model.signature.names, model.signature.classes
    found = model.parsed.contributions(model.matrix_of(records), threads=1).tolist()
    answers: list[dict[str, object]] = []
    for outputs in found:
        parts = [_part(names, values) for values in outputs]
        answers.append(dict(parts[0]) if len(parts) == 1 else {"classes": dict(zip(classes, parts, strict=True))})
    return answers


def _part(names: Sequence[str], values: Sequence[float]) -> dict[str, object]:
    return {"expectation": values[-1], "contributions": dict(zip(names, values, strict=False))}


__all__ = ["explained"]
