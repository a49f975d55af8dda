"""What feature code prints: shown on stderr, line by line, as text that no terminal obeys."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO

from app.domain.text import visible

LONGEST_LINE = 2000


class Harmless(io.TextIOBase):
    r"""A stream that hands on whole lines, each made visible.

    >>> kept = io.StringIO()
    >>> stream = Harmless(kept)
    >>> stream.write("a\x1b[31m\nb"), stream.finish()
    (8, None)
    >>> kept.getvalue()
    'a\\e[31m\nb\n'
    """

    def __init__(self, target: TextIO) -> None:
        self._target = target
        self._rest = ""

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Hand on every line that is complete."""
        *lines, self._rest = (self._rest + text).split("\n")
        self._rest = self._rest[: LONGEST_LINE + 1]
        for line in lines:
            self._target.write(visible(line, longest=LONGEST_LINE) + "\n")
        return len(text)

    def finish(self) -> None:
        """Hand on what has no line end."""
        if self._rest:
            self.write("\n")


@contextmanager
def harmless_output() -> Iterator[None]:
    """Within it whatever is printed, warnings too, goes to stderr and is harmless; stdout stays free for results."""
    stream = Harmless(sys.stderr)
    try:
        with redirect_stdout(stream), redirect_stderr(stream):
            yield
    finally:
        stream.finish()
