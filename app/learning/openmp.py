"""OpenMP's waiting policy: without it, LightGBM beside a busy process takes sixty times as long."""

import os
import sys

VARIABLE = "OMP_WAIT_POLICY"
PASSIVE = "PASSIVE"


def wait_passively() -> bool:
    """Make OpenMP threads sleep, not spin, at their barriers; to be called before lightgbm loads.

    Gives False when it is too late: lightgbm is loaded already and the variable was not set. Measured on two cores
    beside a busy process: 12.4 s for a fit that takes 0.2 s with the policy set.

    >>> wait_passively() in (True, False)
    True
    >>> os.environ["OMP_WAIT_POLICY"]
    'PASSIVE'
    """
    in_time = os.environ.get(VARIABLE, "").upper() == PASSIVE or "lightgbm" not in sys.modules
    os.environ[VARIABLE] = PASSIVE
    return in_time


def usable_threads() -> int:
    """How many threads this process may use: the cores it is allowed on.

    >>> usable_threads() >= 1
    True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    return max(1, len(affinity(0)) if affinity else os.cpu_count() or 1)
