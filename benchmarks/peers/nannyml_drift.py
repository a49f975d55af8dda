"""NannyML's univariate drift; runs in the environment of its own, prints JSON.

`speed REFERENCE WINDOW`: seconds of fit and of one check with three statistics of a number and two of a category, the
seconds of the check alone, and peak memory. `alarms REFERENCE FOLDER`: by window file of the folder, the columns that
alert with the defaults, the reference cut into chunks as long as the window.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import nannyml
import pandas as pd
from peak import peak_bytes

warnings.filterwarnings("ignore")


def fitted(frame: pd.DataFrame, rows: int, **more: Any) -> Any:
    """A calculator that knows the reference, in chunks of so many rows."""
    categories = [name for name in frame if frame[name].dtype.kind not in "if"]
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(frame.columns), treat_as_categorical=categories, chunk_size=rows, **more
    )
    return calculator.fit(frame)


def main(what: str, reference: str, other: str) -> None:
    """One of the two."""
    before = pd.read_parquet(reference)
    if what == "alarms":
        found, kept = {}, {}
        for file in sorted(Path(other).glob("*.parquet")):
            window = pd.read_parquet(file)
            if len(window) not in kept:
                kept[len(window)] = fitted(before, len(window))
            table = kept[len(window)].calculate(window).filter(period="analysis").to_df()
            found[file.stem] = [name for name in before if bool(table[(name, "jensen_shannon", "alert")].iloc[0])]
        print(json.dumps(found))
        return
    window = pd.read_parquet(other)
    begun = time.perf_counter()
    calculator = fitted(
        before,
        len(before) // 10,
        continuous_methods=["jensen_shannon", "kolmogorov_smirnov", "wasserstein"],
        categorical_methods=["jensen_shannon", "chi2"],
    )
    known = time.perf_counter()
    calculator.calculate(window)
    done = time.perf_counter()
    peak = peak_bytes()
    print(json.dumps({"seconds": done - begun, "check_seconds": done - known, "peak_bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
