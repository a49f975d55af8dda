"""Our estimate of quality without labels on NannyML's own data (they ship in its wheel), beside NannyML's."""

import json
import os
import subprocess
import tempfile
import time

import numpy as np
import pandas as pd

from app.monitoring.estimate import expected_auc, isotonic
from app.monitoring.quality import Numbers, auc
from benchmarks import Result, at_most
from benchmarks.peers import FOLDER, python_of

CHUNK = 5_000
PUBLISHED_FIRST, PUBLISHED_LAST, PUBLISHED_LOW, PUBLISHED_HIGH = 0.970744, 0.961316, 0.963317, 0.97866
PUBLISHED_ERROR = 0.0040


def run() -> list[Result]:
    """The published figures, the distance to NannyML's own, and how long both take."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python_of("nannyml")), str(FOLDER / "nannyml_cbpe.py"), folder]
        quiet = {**os.environ, "DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=quiet).stdout
        theirs = json.loads(told.strip().splitlines()[-1])
        loan, work = (pd.read_parquet(f"{folder}/{name}.parquet") for name in ("car_loan", "employment"))
    reference, analysis = _parts(loan)
    begun = time.perf_counter()
    estimates = _estimates(reference, analysis)
    seconds = time.perf_counter() - begun
    known = [auc(*_chunk(reference, begin)) for begin in _begins(reference)]
    low, high = float(np.mean(known) - 3 * np.std(known)), float(np.mean(known) + 3 * np.std(known))
    alerts = [not low <= one <= high for one in estimates]
    missed, constant = _errors(work)
    return [
        at_most("car loan: estimates, largest distance to nannyml's", _apart(estimates, theirs["estimates"]), "", 1e-6),
        at_most("car loan: first chunk, from the published .970744", abs(estimates[0] - PUBLISHED_FIRST), "", 1e-6),
        at_most("car loan: last chunk, from the published .961316", abs(estimates[-1] - PUBLISHED_LAST), "", 1e-6),
        at_most("car loan: lower threshold, from .963317", abs(low - PUBLISHED_LOW), "", 1e-6),
        at_most("car loan: upper threshold, from .97866", abs(high - PUBLISHED_HIGH), "", 1e-6),
        Result("car loan: chunks that alert", sum(alerts), "of 10", "the last 5", alerts == [False] * 5 + [True] * 5),
        at_most("MA employment: mean absolute error", round(missed, 4), "", PUBLISHED_ERROR),
        Result("MA employment: the same of 'no change'", constant, ""),
        Result("nannyml: estimate of ten chunks", theirs["seconds"], "s"),
        Result("ours: calibrator and ten chunks", seconds, "s"),
    ]


def _parts(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return frame[frame["period"] == "reference"], frame[frame["period"] == "analysis"]


def _begins(frame: pd.DataFrame) -> range:
    return range(0, len(frame) - CHUNK + 1, CHUNK)


def _chunk(frame: pd.DataFrame, begin: int) -> tuple[Numbers, Numbers]:
    chunk = frame[begin : begin + CHUNK]
    return chunk["label"].to_numpy(), chunk["score"].to_numpy()


def _estimates(reference: pd.DataFrame, analysis: pd.DataFrame) -> list[float]:
    calibrator = isotonic(reference["score"].to_numpy(), reference["label"].to_numpy())
    scores = [_chunk(analysis, begin)[1] for begin in _begins(analysis)]
    return [expected_auc(one, calibrator(one)) for one in scores]


def _errors(frame: pd.DataFrame) -> tuple[float, float]:
    """The mean absolute error of the estimate, and of taking the reference's own figure."""
    reference, analysis = _parts(frame)
    truth = np.array([auc(*_chunk(analysis, begin)) for begin in _begins(analysis)])
    constant = auc(reference["label"].to_numpy(), reference["score"].to_numpy())
    guessed = np.array(_estimates(reference, analysis))
    return float(np.abs(guessed - truth).mean()), float(np.abs(constant - truth).mean())


def _apart(ours: list[float], theirs: list[float]) -> float:
    return float(np.max(np.abs(np.array(ours) - np.array(theirs))))
