"""What the fork server imports once, so that no flow child has to; imported, never used, before a fork."""

import gc
import importlib
import os
import sys

from app.domain.processes import imported
from app.orchestration.deployments import FLOWS

MODULES = (
    "prefect",
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.client.orchestration",
    "numpy",
    "pandas",
    "pandera.pandas",
    "pyarrow",
    "pyarrow.parquet",
    "deltalake",
    "duckdb",
    "scipy.special",
    "sqlmodel",
    "flows.harness",
    *(f"flows.{name}" for name in FLOWS),
)
"""Not scikit-learn: LightGBM trains without it, and a search that tries other learners loads them itself."""


def preload() -> None:
    """Import all that is there; what fails now fails again, with its reason, in the run that needs it."""
    for module in MODULES:
        try:
            importlib.import_module(module)
        except Exception as error:
            sys.stderr.write(f"preload: {module}: {type(error).__name__}: {error}\n")
    _warm()
    gc.collect()
    imported()  # what is shared with the children is not copied by their collector


def _warm() -> None:
    """What every run computes and no run changes; single-threaded, and closed before the fork."""
    from sqlalchemy.orm import configure_mappers

    from app.machine.environment import this_environment
    from app.store.engine import Store

    configure_mappers()
    this_environment()
    store = Store("sqlite://")
    with store.read() as session:
        session.connection().exec_driver_sql("SELECT 1")
    store.close()


if os.environ.get("TRAINMASTER_PRELOAD") == "1":
    preload()
