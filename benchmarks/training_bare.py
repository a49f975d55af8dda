"""The floor: the shortest honest script that trains LightGBM on a flat Parquet file."""

import json
import os
import sys

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

import lightgbm
import numpy as np
import pyarrow.parquet as pq


def main() -> None:
    """Read, encode, fit, predict the test rows, save."""
    job = json.loads(sys.argv[1])
    table = pq.read_table(job["file"], columns=[*job["numbers"], *job["categories"], "is_late", "is_test"])
    is_test = table["is_test"].to_numpy()
    matrix = np.empty((table.num_rows, len(job["numbers"]) + len(job["categories"])), order="F")
    for at, name in enumerate(job["numbers"]):
        matrix[:, at] = table[name].to_numpy()
    for at, name in enumerate(job["categories"], len(job["numbers"])):
        matrix[:, at] = table[name].combine_chunks().dictionary_encode().indices.fill_null(-1).to_numpy()
    target = table["is_late"].to_numpy()
    places = list(range(len(job["numbers"]), matrix.shape[1]))
    rows = lightgbm.Dataset(matrix[~is_test], target[~is_test], categorical_feature=places, params={"verbosity": -1})
    booster = lightgbm.train(job["parameters"], rows, num_boost_round=job["rounds"])
    booster.predict(matrix[is_test])
    booster.save_model(job["to"])


if __name__ == "__main__":
    main()
