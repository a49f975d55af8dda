"""Steps 21 to 23: `[evaluation]` and `[card]`."""

from typing import Literal

from pydantic import Field

from app.domain.project.section import Section


class Evaluation(Section):
    """Step 21: how sure the numbers are, and whether scores are made into honest probabilities.

    `calibration` fits its curve on the newest fifth of the training rows, which the fit behind the curve did not see.
    """

    calibration: Literal["none", "isotonic", "sigmoid"] = "none"
    resamples: int = Field(default=500, ge=100, le=10_000)
    seed: int = 7


class Card(Section):
    """Step 23: what only a person can say of a model (fields of Mitchell et al. 2019)."""

    license: str = ""
    contact: str = ""
    citation: str = ""
    primary_uses: str = ""
    primary_users: str = ""
    out_of_scope: str = ""
    factors: str = ""
    training_data: str = ""
    evaluation_data: str = ""
    ethical_considerations: str = ""
    caveats: str = ""
