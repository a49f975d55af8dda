"""Evidently's data drift preset with its defaults; runs in the environment of its own, prints JSON.

`speed REFERENCE WINDOW`: seconds and peak memory of one report. `alarms REFERENCE FOLDER`: by window file of the
folder, the columns that it calls drifted.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
from peak import peak_bytes

warnings.filterwarnings("ignore")


def definition(frame: pd.DataFrame) -> DataDefinition:
    """Which columns are numbers and which categories."""
    numbers = [name for name in frame if frame[name].dtype.kind in "if"]
    return DataDefinition(
        numerical_columns=numbers, categorical_columns=[name for name in frame if name not in numbers]
    )


def drifted(reference: Dataset, window: Dataset) -> list[str]:
    """The columns whose p-value lies under, or whose distance lies at or over, the preset's own threshold."""
    found = []
    for metric in Report([DataDriftPreset()]).run(window, reference).dict()["metrics"]:
        config = metric["config"]
        if config["type"] == "evidently:metric_v2:ValueDrift":
            value, limit = float(metric["value"]), float(config["threshold"])
            if value < limit if "p_value" in str(config["method"]) else value >= limit:
                found.append(str(config["column"]))
    return found


def main(what: str, reference: str, other: str) -> None:
    """One of the two."""
    before = pd.read_parquet(reference)
    known = Dataset.from_pandas(before, data_definition=definition(before))
    if what == "alarms":
        found = {}
        for file in sorted(Path(other).glob("*.parquet")):
            window = pd.read_parquet(file)
            found[file.stem] = drifted(known, Dataset.from_pandas(window, data_definition=definition(window)))
        print(json.dumps(found))
        return
    window = pd.read_parquet(other)
    begun = time.perf_counter()
    drifted(known, Dataset.from_pandas(window, data_definition=definition(window)))
    seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
