"""Searching in lines: where a text stands, which match is the current one, and how matches are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.tui.lines import Line, Span


@dataclass(frozen=True)
class Found:
    """A text that is searched for, the lines that hold it, and the match that is shown."""

    words: str = ""
    lines: tuple[int, ...] = ()
    at: int = 0

    @classmethod
    def of(cls, words: str, lines: Sequence[Line]) -> "Found":
        """Search for a text; capital letters count only when the text has some.

        >>> Found.of("fit", [(("load", ""),), (("Fit: ", "dim"), ("done", ""))]).lines
        (1,)
        """
        return cls(words.strip()).again(lines)

    def again(self, lines: Sequence[Line]) -> "Found":
        """The same search in other lines, at the match that is nearest to the current one."""
        if not self.words:
            return Found()
        hits = tuple(at for at, spans in enumerate(lines) if self._holds("".join(text for text, _ in spans)))
        before = self.line
        at = next((place for place, hit in enumerate(hits) if before is not None and hit >= before), 0)
        return replace(self, lines=hits, at=at)

    def step(self, by: int) -> "Found":
        """The next match, round and round.

        >>> Found("a", (3, 5), 1).step(1).line
        3
        """
        return replace(self, at=(self.at + by) % len(self.lines)) if self.lines else self

    @property
    def line(self) -> int | None:
        """The line of the current match."""
        return self.lines[self.at] if self.at < len(self.lines) else None

    @property
    def says(self) -> str:
        """Where one is."""
        if not self.lines:
            return "no match · esc ends the search"
        return f"match {self.at + 1} of {len(self.lines)} · n N next, before · esc ends the search"

    def painted(self, lines: Sequence[Line]) -> list[Line]:
        """The lines with the matches marked."""
        hits = set(self.lines)
        return [self._paint(spans, at == self.line) if at in hits else spans for at, spans in enumerate(lines)]

    def _holds(self, text: str) -> bool:
        return self._fold(self.words) in self._fold(text)

    def _fold(self, text: str) -> str:
        return text.lower() if self.words == self.words.lower() else text

    def _paint(self, spans: Line, current: bool) -> Line:
        painted: list[Span] = []
        ink = "here" if current else "mark"
        wanted = self._fold(self.words)
        for text, before in spans:
            folded, start = self._fold(text), 0
            found = folded.find(wanted) if len(folded) == len(text) else -1
            while found >= 0:
                painted += [(text[start:found], before), (text[found : found + len(wanted)], ink)]
                start = found + len(wanted)
                found = folded.find(wanted, start)
            painted.append((text[start:], before))
        return tuple(span for span in painted if span[0])


__all__ = ["Found"]
