"""Every flow as a Prefect flow, for deployments and for a person's own Prefect server: `flows.prefect_flows.train`."""

import importlib
from typing import Any

NAMES = ("ingest", "features", "train", "deploy", "predict", "monitor", "arrival")


def __getattr__(name: str) -> Any:
    """The Prefect flow of that name, made when it is asked for."""
    if name not in NAMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"flows.{name}"), name).prefect
