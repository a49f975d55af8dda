"""Every flow as a Prefect flow, for deployments and for a person's own Prefect server: `flows.prefect_flows.train`."""

import importlib
from typing import Any

from app.orchestration.deployments import FLOWS


def __getattr__(name: str) -> Any:
    """The Prefect flow of that name, made when it is asked for."""
    if name not in FLOWS:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"flows.{name}"), name).prefect
