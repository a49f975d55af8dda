"""A PostgreSQL server of a test's own: on loopback, in a folder that goes away with it."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgres:
    """The server's port; `postgres` is its superuser, with the password `test`."""

    port: int

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the superuser."""
        return f"postgresql+psycopg://postgres:test@127.0.0.1:{self.port}/postgres"

    def database(self, name: str) -> str:
        """The SQLAlchemy URL of a new database."""
        self.run(f"CREATE DATABASE {name}")
        return self.url.rsplit("/", 1)[0] + f"/{name}"

    def run(self, *statements: str) -> None:
        """Run statements as the superuser."""
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def count(self, table: str) -> int:
        """How many rows a table has."""
        import psycopg

        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Start a server (fast and careless of power cuts), stop it at the end; skips where none is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: .ci/packages installs it")
    with tempfile.TemporaryDirectory(prefix="tm-pg-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        user = _user()
        data = root / "data"
        data.mkdir(mode=0o700)
        (root / "pw").write_text("test\n")
        (root / "pw").chmod(0o644)
        if user:
            os.chown(data, *user)
            os.chown(root, *user)
        make = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "scram-sha-256"]
        _run([*make, f"--pwfile={root / 'pw'}", "-N", "--no-instructions", "-E", "UTF8", "--locale=C"], user)
        port = _free_port()
        options = f"-p {port} -h 127.0.0.1 -k {root} -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-s"]
        _run([*control, "-l", str(root / "log"), "-o", options, "start"], user)
        try:
            yield Postgres(port)
        finally:
            _run([*control, "-m", "immediate", "stop"], user)


def _run(command: list[str], user: tuple[int, int] | None) -> None:
    identity = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        check=False,
        timeout=60,
        **identity,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    newest = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])) if DEBIAN.is_dir() else []
    return newest[-1].parent if newest else None


def _user() -> tuple[int, int] | None:
    """Whom the server runs as: it refuses root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
