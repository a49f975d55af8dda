"""The environment that a run is made in: interpreter, libraries, lock, driver, machine."""

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from app.machine.gpu import driver_version

WATCHED = (
    "lightgbm", "scikit-learn", "numpy", "scipy", "pandas", "pyarrow", "deltalake", "duckdb", "optuna", "prefect",
    "sqlmodel", "trainmaster",
)  # fmt: skip
ABSENT = "none"


@dataclass(frozen=True)
class Environment:
    """What a result may depend on besides data, code and seed; nothing in it is null."""

    python: str
    implementation: str
    compiler: str
    platform: str
    libc: str
    machine: str
    host: str
    cpu: str
    cpus: int
    memory_bytes: int
    gpu_driver: str
    packages: dict[str, str]
    lock_digest: str

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self)


@functools.cache
def this_lock() -> bytes:
    """Name and version of every installed distribution, a line each, in order; its SHA-256 is the lock digest.

    >>> b"lightgbm==" in this_lock()
    True
    """
    installed: set[str] = set()
    for folder in filter(os.path.isdir, dict.fromkeys(sys.path)):  # the folders' names: to parse the files takes 0.3 s
        for entry in os.scandir(folder):
            name, dash, version = entry.name.removesuffix(".dist-info").rpartition("-")
            if dash and entry.name.endswith(".dist-info"):
                installed.add(f"{name.lower().replace('_', '-')}=={version}")
    return "\n".join(sorted(installed)).encode()


@functools.cache
def this_environment() -> Environment:
    """The environment of this process.

    >>> len(this_environment().lock_digest)
    64
    """
    packages = {name: importlib.metadata.version(name) for name in WATCHED if _is_installed(name)}
    return Environment(
        python=platform.python_version(),
        implementation=sys.implementation.name,
        compiler=platform.python_compiler(),
        platform=f"{sys.platform} {platform.release()}",
        libc=" ".join(platform.libc_ver()).strip() or ABSENT,
        machine=platform.machine(),
        host=platform.node() or ABSENT,
        cpu=_cpu_model(),
        cpus=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        gpu_driver=driver_version() or ABSENT,
        packages=packages,
        lock_digest=hashlib.sha256(this_lock()).hexdigest(),
    )


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
