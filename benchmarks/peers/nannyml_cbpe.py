"""NannyML's own data and CBPE estimates, which ship in its wheel, written for our side; runs in its environment.

`FOLDER`: writes car loan and MA employment as Parquet (period, score, label), prints NannyML's estimates, thresholds,
alerts and the seconds of its estimate as JSON.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import nannyml
import pandas as pd

warnings.filterwarnings("ignore")


def written(folder: Path, name: str, target: str, loaded: Any, key: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reference and analysis rows with period, score and label in one file."""
    reference, analysis, targets = loaded
    analysis = analysis.merge(targets, on=key) if key else analysis.join(targets)
    both = pd.concat([reference.assign(period="reference"), analysis.assign(period="analysis")])
    score = "y_pred_proba" if "y_pred_proba" in both else "predicted_probability"
    shown = both[["period", score, target]].set_axis(["period", "score", "label"], axis=1)
    shown.astype({"score": float, "label": float}).to_parquet(folder / f"{name}.parquet", index=False)
    return reference, analysis


def main(place: str) -> None:
    """Both sets."""
    folder = Path(place)
    reference, analysis = written(folder, "car_loan", "repaid", nannyml.load_synthetic_car_loan_dataset(), "id")
    written(folder, "employment", "employed", nannyml.load_us_census_ma_employment_data(), "id")
    estimator = nannyml.CBPE(
        problem_type="classification_binary",
        y_pred_proba="y_pred_proba",
        y_pred="y_pred",
        y_true="repaid",
        metrics=["roc_auc"],
        chunk_size=5000,
    )
    estimator.fit(reference)
    begun = time.perf_counter()
    result = estimator.estimate(analysis)
    seconds = time.perf_counter() - begun
    table = result.filter(period="analysis").to_df()["roc_auc"]
    print(
        json.dumps(
            {
                "estimates": table["value"].tolist(),
                "low": float(table["lower_threshold"].iloc[0]),
                "high": float(table["upper_threshold"].iloc[0]),
                "alerts": [bool(one) for one in table["alert"]],
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
