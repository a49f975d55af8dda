"""CPU or GPU: what LightGBM really can use here, proved by a tiny fit in a child process that may hang or crash."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.errors import Unavailable
from app.learning.openmp import PASSIVE, VARIABLE

PROBE_S = 60.0
PROBE = """
import sys
import numpy as np
import lightgbm
rows = np.random.default_rng(1).normal(size=(500, 4))
settings = {"objective": "binary", "device_type": sys.argv[1], "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}
lightgbm.train(settings, lightgbm.Dataset(rows, (rows[:, 0] > 0).astype(float)), 2)
print("fitted")
"""
GOOD = "fitted"
OUT_OF_MEMORY = ("out of memory", "bad_alloc", "memoryallocation", "mem_object_allocation", "out_of_resources")


@dataclass(frozen=True)
class Probe:
    """Whether a tiny fit on a device ended well, and what was said when it did not."""

    device: str
    ok: bool
    says: str
    seconds: float


@dataclass(frozen=True)
class Chosen:
    """The device of a fit, and why it is that one; `fell_back` when another one was asked for."""

    device: str
    asked: str
    fell_back: bool
    says: str


def probe(device: str, timeout_s: float = PROBE_S) -> Probe:
    """Fit 500 rows on a device in a child process; a child that crashes or hangs is an answer, too.

    >>> probe("cpu").ok
    True
    """
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE, device],
            capture_output=True,
            timeout=timeout_s,
            env={**os.environ, VARIABLE: PASSIVE, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Probe(device, False, f"no answer within {timeout_s:g} s", time.monotonic() - begun)
    seconds = time.monotonic() - begun
    if done.returncode < 0:
        return Probe(device, False, f"the probe ended by signal {-done.returncode}", seconds)
    last = done.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    if done.returncode == 0 and last == [GOOD]:
        return Probe(device, True, f"a tiny fit took {seconds:.1f} s", seconds)
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["no reason given"]
    return Probe(device, False, said[0][:300], seconds)


def choose(
    asked: str, policy: str, *, has_gpu: bool, probing: Callable[[str], Probe] = probe, learner: str = "lightgbm"
) -> Chosen:
    """The device for a fit: `auto` looks only where NVML knows a GPU, `gpu` and `cuda` are always tried.

    Raises Unavailable when the one that was asked for cannot be used and the policy is `fail`.

    >>> choose("auto", "fall-back", has_gpu=False).says
    'NVML knows no GPU'
    """
    if asked == "cpu":
        return Chosen("cpu", asked, False, "asked for")
    if learner != "lightgbm":
        if asked != "auto" and policy == "fail":
            raise _unusable(asked, f"{learner} computes on the CPU only")
        return Chosen("cpu", asked, asked != "auto", f"{learner} computes on the CPU only")
    if asked == "auto" and not has_gpu:
        return Chosen("cpu", asked, False, "NVML knows no GPU")
    failed = []
    for device in ("cuda", "gpu") if asked == "auto" else (asked,):
        tried = probing(device)
        if tried.ok:
            return Chosen(device, asked, False, tried.says)
        failed.append(f"{device}: {tried.says}")
    if asked != "auto" and policy == "fail":
        raise _unusable(asked, "; ".join(failed))
    return Chosen("cpu", asked, True, "; ".join(failed))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of the GPU, was not enough.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError("CUDA error: out of memory"))
    (True, True)
    """
    says = str(error).lower()
    return isinstance(error, MemoryError) or any(word in says for word in OUT_OF_MEMORY)


def _unusable(device: str, why: str) -> Unavailable:
    return Unavailable(
        f"LightGBM cannot compute on {device} here: {why}",
        where="project.toml [learner] device",
        next_step='set device = "auto", or device_policy = "fall-back", in [learner] of project.toml',
    )
