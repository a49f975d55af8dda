"""Files and folders of the project."""

from collections.abc import Iterator
from pathlib import Path

from app.data import readers
from app.data.connectors.extract import Past, Piece
from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.domain.errors import NotFound, Refused
from app.domain.text import visible

SAMPLE_BYTES = 1 << 20


def matching(place: SourcePlace) -> list[Path]:
    """The files of a source now, in order; raises Refused for a path that leaves the project's folder."""
    pattern = place.source.path or ""
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise Refused(
            f"[sources.{place.name}] path {visible(pattern)!r} leaves the project's folder",
            next_step=f"use a path below projects/{place.project}, or url = 'file:///...' for files elsewhere",
        )
    if (place.folder / pattern).is_dir():
        found = [path for path in (place.folder / pattern).rglob("*") if readers.is_known(path)]
    else:
        found = list(place.folder.glob(pattern))
    return sorted(path for path in found if path.is_file() and not path.name.startswith((".", "_")))


class Files:
    """Every file that matches `path`; a file that is written again replaces what it was."""

    is_incremental = False

    def __init__(self, place: SourcePlace) -> None:
        self.place = place

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """All files that are there: their bytes say which are new."""
        files = matching(self.place)
        if not files and not past.has_begun:
            raise self._none()
        for path in files:
            relative = path.relative_to(self.place.folder).as_posix()
            shown = visible(relative, longest=200)
            digest, size = readers.fingerprint(path, shown)
            stored = relative.encode(errors="backslashreplace").decode()  # a name may hold bytes that are no text
            yield Piece(stored, shown, path, digest, size)

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """The newest file, or the beginning of it."""
        files = matching(self.place)
        if not files:
            raise self._none()
        newest = max(files, key=lambda path: path.stat().st_mtime_ns)
        shown = visible(newest.relative_to(self.place.folder).as_posix(), longest=200)
        return Piece(shown, shown, beginning(newest, spool, shown), "", newest.stat().st_size)

    def taken(self, piece: Piece) -> None:
        """The file stays where it is."""

    def _none(self) -> NotFound:
        return NotFound(
            f"source {self.place.name}: no file matches {visible(self.place.source.path)} "
            f"in projects/{self.place.project}",
            next_step=f"put a file there, or correct [sources.{self.place.name}] path in project.toml",
        )


def beginning(path: Path, spool: Spool, shown: str) -> Path:
    """A file with the first megabyte of a text file, cut at a line's end; another file as it is."""
    text = readers.text_file(path, shown)
    if text is None:
        return path
    head = b""
    for block in text.blocks(1 << 16):
        head += block
        if len(head) > SAMPLE_BYTES:
            break
    else:
        return path
    kept = spool.file("".join(suffix for suffix in path.suffixes if suffix.lower() not in readers.COMPRESSED))
    kept.write_bytes(head[: head.rfind(b"\n") + 1] or head)
    return kept
