"""New files: which count, and when they have come to rest."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

QUIET_S = 1.0
UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".download", ".swp", ".swx", "~")

Size = Callable[[Path], tuple[int, float] | None]


def is_finished_name(name: str) -> bool:
    """Whether a file's name is that of a whole file: not hidden, not one that a program still writes to.

    >>> is_finished_name("flights-04.parquet"), is_finished_name(".flights.tmp"), is_finished_name("a.csv.part")
    (True, False, False)
    """
    return not name.startswith((".", "_")) and not name.lower().endswith(UNFINISHED)


def project_and_path(root: Path, path: Path) -> tuple[str, PurePosixPath] | None:
    """The project that a path under `projects/` belongs to and the path inside of it; None for anything else.

    >>> project_and_path(Path("/w/projects"), Path("/w/projects/churn/incoming/rows/1.csv"))
    ('churn', PurePosixPath('incoming/rows/1.csv'))
    """
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        return None
    if len(parts) < 2 or not all(is_finished_name(part) for part in parts) or "__pycache__" in parts:
        return None
    return parts[0], PurePosixPath(*parts[1:])


def size_of(path: Path) -> tuple[int, float] | None:
    """Size and modification time of a file, None when it is not there or not a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime) if path.is_file() else None


@dataclass
class _Seen:
    size: tuple[int, float] | None
    since: float


class Rest:
    """Remembers files that changed until they have been still for a while.

    >>> rest = Rest(quiet_s=1.0, size=lambda path: (10, 0.0))
    >>> rest.touch(Path("a.csv"), 5.0)
    >>> rest.settled(5.5), rest.settled(6.5)
    ([], [PosixPath('a.csv')])
    """

    def __init__(self, *, quiet_s: float = QUIET_S, size: Size = size_of) -> None:
        self._quiet_s, self._size = quiet_s, size
        self._files: dict[Path, _Seen] = {}

    def touch(self, path: Path, moment: float) -> None:
        """Hear of a change at a moment of the monotonic clock."""
        self._files[path] = _Seen(self._size(path), moment)

    def settled(self, moment: float) -> list[Path]:
        """Take out what has had one size for long enough; empty and vanished files are forgotten or waited for."""
        ready = []
        for path, seen in list(self._files.items()):
            size = self._size(path)
            if size is None:
                del self._files[path]
            elif size != seen.size:
                self._files[path] = _Seen(size, moment)
            elif moment - seen.since >= self._quiet_s:
                del self._files[path]
                ready.append(path)
        return ready

    def __len__(self) -> int:
        return len(self._files)
