"""What the fork server imports once, so that no flow child has to; imported, never used, before a fork."""

import importlib
import os
import sys

MODULES = (
    "prefect",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.client.orchestration",
    "numpy",
    "pandas",
    "pyarrow",
    "pyarrow.parquet",
    "lightgbm",
    "sklearn.linear_model",
    "sklearn.metrics",
    "deltalake",
    "duckdb",
    "scipy.stats",
    "sqlmodel",
    "flows.harness",
    *(f"flows.{name}" for name in ("ingest", "features", "train", "deploy", "predict", "monitor", "arrival")),
)


def preload() -> None:
    """Import all that is there; what fails now fails again, with its reason, in the run that needs it."""
    for module in MODULES:
        try:
            importlib.import_module(module)
        except Exception as error:
            sys.stderr.write(f"preload: {module}: {type(error).__name__}: {error}\n")


if os.environ.get("TRAINMASTER_PRELOAD") == "1":
    preload()
