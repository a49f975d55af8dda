"""BentoML with LightGBM: `MODEL=... bentoml serve serving_bentoml:Scores`."""

import os

import bentoml
import lightgbm
import numpy as np


@bentoml.service(workers=1)
class Scores:
    """One model in one worker."""

    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["MODEL"])
        self.names = self.booster.feature_name()

    @bentoml.api
    def predict(self, records: list[dict[str, float]]) -> dict[str, list[float]]:
        """Answers."""
        rows = np.array([[record[name] for name in self.names] for record in records])
        return {"predictions": self.booster.predict(rows, num_threads=1).tolist()}
