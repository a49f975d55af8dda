"""How our processes begin and end: what is in the environment before libraries are loaded, and a quick end."""

import atexit
import gc
from collections.abc import MutableMapping

BEFORE_LIBRARIES = {"OMP_WAIT_POLICY": "PASSIVE", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""OpenMP threads sleep at their barriers (a fit beside a busy process: 0.2 s, not 12.4 s). Arrow takes the system's
allocator (Parquet of 3 million rows: 0.8 s and 470 MB, not 3.2 s and 830 MB)."""
WHILE_LOADING = 50_000
"""New objects between two searches for garbage while libraries are loaded."""
AS_PYTHON_DOES = gc.get_threshold()


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set the variables in an environment; the waiting policy always, the rest unless somebody chose otherwise.

    >>> wanted = {"OMP_WAIT_POLICY": "ACTIVE"}
    >>> prepare(wanted)
    >>> wanted
    {'OMP_WAIT_POLICY': 'PASSIVE', 'ARROW_DEFAULT_MEMORY_POOL': 'system'}
    """
    for name, value in BEFORE_LIBRARIES.items():
        environment.setdefault(name, value)
    environment["OMP_WAIT_POLICY"] = BEFORE_LIBRARIES["OMP_WAIT_POLICY"]


def import_quickly() -> None:
    """Search for garbage seldom while libraries are loaded: what imports make stays (a training: 0.2 s)."""
    gc.set_threshold(WHILE_LOADING, *gc.get_threshold()[1:])


def imported() -> None:
    """What is loaded by now is never searched again; from here on garbage is searched for as Python does."""
    gc.freeze()
    gc.set_threshold(*AS_PYTHON_DOES)


def end_quickly() -> None:
    """Do not search for unreachable objects when this process ends, for then all of them go (a training: 0.6 s)."""
    atexit.register(gc.freeze)


__all__ = ["BEFORE_LIBRARIES", "end_quickly", "import_quickly", "imported", "prepare"]
