"""Panels: framed lines, and single-row bars; both draw only lines of spans and only what has changed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from app.tui.glyphs import Glyphs
from app.tui.inks import Inks
from app.tui.lines import Line, Span, strip_of
from app.tui.text import content

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


def inks_of(widget: Widget) -> Inks:
    """The inks of the theme that is on."""
    return cast("ControlRoom", widget.app).inks


def glyphs_of(widget: Widget) -> Glyphs:
    """The glyph set that is on."""
    return cast("ControlRoom", widget.app).glyphs


class Bar(Widget):
    """One row of spans across the screen."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._line: Line = ()

    @property
    def shown(self) -> Line:
        """What it shows now."""
        return self._line

    def show(self, line: Line) -> None:
        """Show another line; nothing is drawn when it is the same."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The row."""
        return strip_of(self._line if y == 0 else (), self.size.width, inks_of(self))


class Lines(Widget):
    """Lines without a frame, as tall as they are."""

    def __init__(self, lines: Sequence[Line] = (), *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines = tuple(lines)
        self.styles.height = len(self._lines)

    @property
    def shown(self) -> tuple[Line, ...]:
        """What it shows now."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines."""
        if tuple(lines) != self._lines:
            self._lines = tuple(lines)
            self.styles.height = len(self._lines)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        return strip_of(self._lines[y] if y < len(self._lines) else (), self.size.width, inks_of(self))


class Panel(Widget, can_focus=True):
    """A framed pane of lines; its title stands in the frame, its note at the lower right."""

    def __init__(self, title: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._top = 0
        self.head(title)

    @property
    def shown(self) -> tuple[Line, ...]:
        """What it shows now."""
        return self._lines

    def head(self, title: object, note: object = "") -> None:
        """Set the words in the frame."""
        wanted, under = content(title, limit=160), content(note, limit=160)
        if self.border_title != wanted.markup:
            self.border_title = wanted
        if self.border_subtitle != under.markup:
            self.border_subtitle = under

    def show(self, lines: Sequence[Line]) -> None:
        """Show other lines; only rows that differ are drawn again."""
        new, old = tuple(lines), self._lines
        if new == old:
            return
        self._lines = new
        self._top = min(self._top, max(len(new) - 1, 0))
        changed = [y for y in range(max(len(new), len(old))) if y >= len(new) or y >= len(old) or new[y] != old[y]]
        width = self.size.width
        if not width or len(changed) > 12:
            self.refresh()
            return
        self.refresh(*(Region(0, y - self._top, width, 1) for y in changed if y >= self._top))

    def move(self, rows: int) -> None:
        """Move the lines up or down when there are more than fit."""
        most = max(len(self._lines) - self.size.height, 0)
        wanted = min(max(self._top + rows, 0), most)
        if wanted != self._top:
            self._top = wanted
            self.refresh()

    def move_to_last(self) -> None:
        """Show the last lines."""
        self.move(len(self._lines))

    def do_list_up(self) -> None:
        """One line up."""
        self.move(-1)

    def do_list_down(self) -> None:
        """One line down."""
        self.move(1)

    def do_list_page_up(self) -> None:
        """One page up."""
        self.move(-self.size.height)

    def do_list_page_down(self) -> None:
        """One page down."""
        self.move(self.size.height)

    def do_list_first(self) -> None:
        """To the first line."""
        self.move(-len(self._lines))

    def do_list_last(self) -> None:
        """To the last line."""
        self.move(len(self._lines))

    @property
    def at_end(self) -> bool:
        """Whether the last line is in view."""
        return self._top >= len(self._lines) - self.size.height

    def render_line(self, y: int) -> Strip:
        """One row."""
        at = y + self._top
        spans: Sequence[Span] = self._lines[at] if at < len(self._lines) else ()
        return strip_of(spans, self.size.width, inks_of(self))


__all__ = ["Bar", "Lines", "Panel", "glyphs_of", "inks_of"]
