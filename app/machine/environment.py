"""The environment that a run is made in: interpreter, libraries, lock, machine."""

import functools
import hashlib
import importlib.metadata
import os
import platform
import sys
from dataclasses import asdict, dataclass

WATCHED = ("lightgbm", "scikit-learn", "numpy", "pandas", "pyarrow", "prefect", "deltalake", "sqlmodel")


@dataclass(frozen=True)
class Environment:
    """What a result may depend on besides data, code and seed."""

    python: str
    platform: str
    machine: str
    cpus: int
    packages: dict[str, str]
    lock_digest: str

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self)


@functools.cache
def this_environment() -> Environment:
    """The environment of this process; the lock digest covers name and version of every installed distribution.

    >>> len(this_environment().lock_digest)
    64
    """
    installed = sorted(_installed())
    packages = {name: importlib.metadata.version(name) for name in WATCHED if _is_installed(name)}
    return Environment(
        python=platform.python_version(),
        platform=f"{sys.platform} {platform.release()}",
        machine=platform.machine(),
        cpus=os.cpu_count() or 1,
        packages=packages,
        lock_digest=hashlib.sha256("\n".join(installed).encode()).hexdigest(),
    )


def _installed() -> set[str]:
    """`name==version` of every distribution, by its folder's name: to parse 250 files of metadata takes half a second."""
    stems: set[str] = set()
    for folder in filter(os.path.isdir, dict.fromkeys(sys.path)):
        stems |= {entry.name.rsplit(".", 1)[0] for entry in os.scandir(folder) if entry.name.endswith(".dist-info")}
    return {"==".join(stem.lower().rsplit("-", 1)) for stem in stems}


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
