"""A file of JSON lines that grows: its complete lines after the last offset, also across a rotation."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from app.data.connectors.extract import Past, Piece
from app.data.connectors.files import SAMPLE_BYTES
from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.data.survey import packed_digest
from app.domain.errors import NotFound, Unavailable

HEAD_BYTES = 256
PIECE_BYTES = 64 << 20


class Tail:
    """`watermark` is "OFFSET HEAD": how many bytes were taken, and the digest of the file's first ones, by which a file
    is known again after it was moved away, and a new one of the same name is told from it.
    """

    is_incremental = True

    def __init__(self, place: SourcePlace) -> None:
        self.place = place
        self.file = place.folder / (place.source.stream or "").removeprefix("tail:")

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """The rest of the file that was read last, if it was moved away; then what is new in the file."""
        offset, head = _parsed(past.cursor)
        if head and _head(self.file, offset) != head:
            moved = next((path for path in self._moved() if _head(path, offset) == head), None)
            if moved is not None:
                yield from self._after(moved, offset, spool)
            offset = 0
        if not self.file.is_file():
            raise self.place.error(
                NotFound if not past.cursor else Unavailable, f"there is no file {self.place.source.stream}"
            )
        yield from self._after(self.file, offset, spool)

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """The last complete lines."""
        if not self.file.is_file():
            raise self.place.error(NotFound, f"there is no file {self.place.source.stream}")
        with self.file.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - SAMPLE_BYTES))
            lines = stream.read().splitlines(keepends=True)[1 if size > SAMPLE_BYTES else 0 :]
        whole = [line for line in lines if line.endswith(b"\n")][-rows:]
        if not whole:
            return None
        kept = spool.file(".jsonl")
        kept.write_bytes(b"".join(whole))
        return Piece("tail", f"source {self.place.name}", kept, "", kept.stat().st_size)

    def taken(self, piece: Piece) -> None:
        """The file is not ours."""

    def _after(self, path: Path, offset: int, spool: Spool) -> Iterator[Piece]:
        with path.open("rb") as stream:
            while True:
                stream.seek(offset)
                lines = _complete_lines(stream.readlines(PIECE_BYTES), self.place.source.batch_rows)
                if not lines:
                    return
                content = b"".join(lines)
                end = offset + len(content)
                if content.strip():
                    kept = spool.file(".jsonl")
                    kept.write_bytes(content)
                    watermark = f"{end} {_head(path, end)}"
                    shown = f"{self.file.name} from byte {offset}"
                    digest = packed_digest(kept, f"{offset} {watermark}")
                    yield Piece(f"stream/{watermark}", shown, kept, digest, len(content), watermark=watermark)
                    kept.unlink(missing_ok=True)
                offset = end

    def _moved(self) -> list[Path]:
        """Where a rotation may have moved the file: `name.1`, `name-20130105`, newest first."""
        found = [path for path in self.file.parent.glob(f"{self.file.name}?*") if path.is_file()]
        return sorted(found, key=lambda path: -path.stat().st_mtime_ns)


def _complete_lines(lines: list[bytes], most: int) -> list[bytes]:
    if lines and not lines[-1].endswith(b"\n"):
        lines = lines[:-1]
    return lines[:most]


def _parsed(cursor: str | None) -> tuple[int, str]:
    offset, _, head = (cursor or "0 ").partition(" ")
    return int(offset), head


def _head(path: Path, offset: int) -> str:
    """The digest of a file's first bytes, as many as were there when `offset` bytes had been taken."""
    try:
        with path.open("rb") as stream:
            if stream.seek(0, 2) < offset:
                return ""
            stream.seek(0)
            return hashlib.sha256(stream.read(min(HEAD_BYTES, offset))).hexdigest()[:16]
    except OSError:
        return ""
