"""The folder in which a source's pieces lie until the store holds them; one extract of a source at a time."""

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.domain.errors import Busy

PART = ".part"


@dataclass(frozen=True)
class Spool:
    """`work` is empty at the start and gone at the end; `received` holds what came in and is not yet in the store."""

    folder: Path

    @property
    def work(self) -> Path:
        """Files of this extract."""
        return self.folder / "work"

    @property
    def received(self) -> Path:
        """Segments of a stream, each complete, named in the order in which they came."""
        return self.folder / "received"

    def segments(self) -> list[Path]:
        """The complete segments, oldest first; what a receiver that died has left is completed first."""
        if not self.received.is_dir():
            return []
        for part in self.received.glob("*" + PART):
            _recover(part)
        return sorted(self.received.glob("*.jsonl"))

    def file(self, suffix: str) -> Path:
        """The path of a new file in the work folder."""
        return self.work / f"{secrets.token_hex(6)}{suffix}"

    @contextlib.contextmanager
    def receiving(self) -> Iterator[IO[bytes]]:
        """A new segment: what is written to it becomes one when the block ends, also when it ends by an error."""
        self.received.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = self.received / f"{time.time_ns():020d}-{secrets.token_hex(3)}.jsonl{PART}"
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            try:
                yield stream
            finally:
                stream.flush()
                os.fsync(stream.fileno())
                _complete(part)


@contextlib.contextmanager
def opened_spool(folder: Path) -> Iterator[Spool]:
    """The spool in `folder`, held for one extract; raises Busy when another extract holds it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                "another run takes in this source now", where=f"source {folder.name}", next_step="trainmaster runs ls"
            ) from None
        spool = Spool(folder)
        shutil.rmtree(spool.work, ignore_errors=True)  # what a killed extract has left
        spool.work.mkdir(mode=0o700)
        try:
            yield spool
        finally:
            shutil.rmtree(spool.work, ignore_errors=True)


def _recover(part: Path) -> None:
    """Complete a segment whose receiver is gone; one that is being written is left alone."""
    try:
        with part.open("r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _complete(part)
    except (FileNotFoundError, BlockingIOError):
        return


def _complete(part: Path) -> None:
    """Cut off a last line without an end, and give the segment its name; nothing is left of an empty one."""
    with part.open("r+b") as stream:
        size = stream.seek(0, 2)
        end, at = 0, size
        while at > 0 and not end:
            start = max(0, at - (1 << 16))
            stream.seek(start)
            found = stream.read(at - start).rfind(b"\n")
            end, at = (start + found + 1 if found >= 0 else 0), start
        stream.truncate(end)
    if end:
        part.rename(part.with_suffix(""))
    else:
        part.unlink(missing_ok=True)
