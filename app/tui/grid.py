"""Our grid on the line API: fixed widths, a window of rows, and a cursor that stays on its row's id.

Not Textual's DataTable: that one repaints all for one changed cell and keeps every row. Here a row exists while it is
near the screen, and only rows that changed are drawn.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from app.tui.lines import Line, Span, fit, line, strip_of, width_of
from app.tui.panel import glyphs_of, inks_of
from app.tui.text import content

GUTTER = 2


@dataclass(frozen=True)
class Column:
    """A column: fixed width in cells; on a narrow screen the highest `drop` goes first, 0 never."""

    key: str
    title: str
    width: int
    drop: int = 0
    right: bool = False
    grow: bool = False
    wide: int = 0
    cut: bool = False
    sort: str | None = None


@dataclass(frozen=True)
class Row:
    """A row: its id and one span or line a column."""

    id: Hashable
    cells: tuple[Span | Line, ...]


@dataclass(frozen=True)
class Window:
    """The rows that are loaded: those from index `first` on, out of `total`."""

    rows: tuple[Row, ...] = ()
    first: int = 0
    total: int = 0

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Window":
        """A window that holds everything."""
        return cls(tuple(rows), 0, len(rows))


@dataclass
class Choice:
    """What a person chose in a grid: marks, column and order."""

    marks: set[Hashable] = field(default_factory=set)
    column: int = 0
    sort: str | None = None
    descending: bool = True
    wide: bool = False


class Grid(ScrollView, can_focus=True):
    """A table of rows, one line each, with a header row that stays."""

    DEFAULT_CSS = """
    Grid { overflow-x: hidden; overflow-y: hidden; }
    """

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, grid: "Grid", id: Hashable) -> None:
            super().__init__()
            self.grid, self.id = grid, id

        @property
        def control(self) -> "Grid":
            """The grid."""
            return self.grid

    class Wanted(Message):
        """Rows from `first` on are to be loaded."""

        def __init__(self, grid: "Grid", first: int) -> None:
            super().__init__()
            self.grid, self.first = grid, first

    class Sorted(Message):
        """Another order was chosen."""

        def __init__(self, grid: "Grid") -> None:
            super().__init__()
            self.grid = grid

    class Opened(Message):
        """Enter on a row."""

        def __init__(self, grid: "Grid", id: Hashable) -> None:
            super().__init__()
            self.grid, self.id = grid, id

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        title: str = "",
        empty: Sequence[Line] = (),
        local: bool = True,
        sorts: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.local = local
        self.sorts = local and sorts  # else whoever gives the rows orders them, and hears `Sorted`
        self.empty = tuple(empty)
        self.choice = Choice()
        self.window = Window()
        self.loaded = False
        self.cursor = 0
        self.cursor_id: Hashable | None = None
        self._touched = False
        self.words = ""
        self._given: Window | None = None
        self._range_from: int | None = None
        self._visible: tuple[tuple[int, Column, int], ...] = ()
        self._cache: dict[tuple[object, ...], Strip] = {}
        self.head(title)

    def head(self, title: object, note: object = "") -> None:
        """Set the words in the frame."""
        wanted, under = content(title, limit=160), content(note, limit=160)
        if self.border_title != wanted.markup:
            self.border_title = wanted
        if self.border_subtitle != under.markup:
            self.border_subtitle = under

    # -- what it holds -------------------------------------------------------------------------------------------

    def show(self, window: Window) -> None:
        """Take a new window of rows; the cursor stays on the row that it was on, wherever that row is now."""
        if self.local:
            self._given = window
            window = self._arranged(window)
        old = self.window
        if self.loaded and window == old:
            return
        first_time = not self.loaded
        self.loaded = True
        self.window = window
        if window.total != old.total:
            self._update_virtual_size(quietly=not first_time)
        if not self._touched:
            self.cursor_id = None  # nobody has chosen a row: the list follows its top
            self.cursor = 0
        if self.cursor_id is not None:
            for at, row in enumerate(window.rows):
                if row.id == self.cursor_id:
                    moved = window.first + at - self.cursor
                    if moved:
                        self.cursor += moved
                        self._scroll_quietly(self.scroll_offset.y + moved)
                    break
            else:
                self.cursor = min(self.cursor, max(window.total - 1, 0))
                self._take_id()
        if self.cursor_id is None and window.rows:
            self.cursor = min(self.cursor, max(window.total - 1, 0))
            self._take_id()
        if first_time or window.first != old.first or len(window.rows) != len(old.rows):
            self.refresh()
            return
        top, rows = self.scroll_offset.y, self.size.height - 1
        changed = [at for at, (a, b) in enumerate(zip(window.rows, old.rows, strict=True)) if a != b]
        regions = [
            Region(0, window.first + at - top + 1, self.size.width, 1)
            for at in changed
            if 0 <= window.first + at - top < rows
        ]
        if regions:
            self.refresh(*regions)

    def row_at(self, index: int) -> Row | None:
        """The row of an index, when it is loaded."""
        at = index - self.window.first
        return self.window.rows[at] if 0 <= at < len(self.window.rows) else None

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.row_at(self.cursor)

    def cursor_to(self, id: Hashable) -> None:
        """Put the cursor on a row by its id; it goes there when the row is loaded."""
        self.cursor_id, self._touched = id, True
        for at, row in enumerate(self.window.rows):
            if row.id == id:
                self._go(self.window.first + at)
                return

    def reset(self) -> None:
        """Forget window and cursor, because the rows are now others (a filter, an order)."""
        self.window, self.loaded, self.cursor, self.cursor_id = Window(), False, 0, None
        self._touched = False
        self._range_from = None
        self._scroll_quietly(0)
        self._update_virtual_size()
        self.refresh()

    def rename(self, key: str, title: str) -> None:
        """Give a column another title."""
        if any(column.key == key and column.title != title for column in self.columns):
            self.columns = tuple(replace(c, title=title) if c.key == key else c for c in self.columns)
            self._lay_out()
            self.refresh()

    # -- moving and choosing -------------------------------------------------------------------------------------

    @property
    def page(self) -> int:
        """How many rows fit."""
        return max(self.size.height - 1, 1)

    def do_list_up(self) -> None:
        """One row up."""
        self._go(self.cursor - 1)

    def do_list_down(self) -> None:
        """One row down."""
        self._go(self.cursor + 1)

    def do_list_page_up(self) -> None:
        """One page up."""
        self._go(self.cursor - self.page)

    def do_list_page_down(self) -> None:
        """One page down."""
        self._go(self.cursor + self.page)

    def do_list_first(self) -> None:
        """To the first row."""
        self._go(0)

    def do_list_last(self) -> None:
        """To the last row."""
        self._go(self.window.total - 1)

    def do_list_open(self) -> None:
        """Open the row under the cursor."""
        if self.current is not None:
            self.post_message(self.Opened(self, self.current.id))

    def do_list_mark(self) -> None:
        """Mark the row under the cursor, or take the mark away, and go on."""
        row = self.current
        if row is None:
            return
        self.choice.marks.symmetric_difference_update({row.id})
        self.refresh()
        self._go(self.cursor + 1)

    def do_list_range(self) -> None:
        """Begin a range here; the second time marks everything between."""
        if self._range_from is None:
            self._range_from = self.cursor
            self.refresh()
            return
        first, last = sorted((self._range_from, self.cursor))
        self._range_from = None
        rows = (self.row_at(index) for index in range(first, last + 1))
        self.choice.marks.update(row.id for row in rows if row is not None)
        self.refresh()

    def do_list_all(self) -> None:
        """Mark every loaded row."""
        self.choice.marks.update(row.id for row in self.window.rows)
        self.refresh()

    def do_list_none(self) -> None:
        """Take all marks away."""
        self.choice.marks.clear()
        self._range_from = None
        self.refresh()

    def do_list_column_left(self) -> None:
        """Choose the column to the left."""
        self._choose(-1)

    def do_list_column_right(self) -> None:
        """Choose the column to the right."""
        self._choose(1)

    def do_list_sort(self) -> None:
        """Sort by the chosen column; again turns the order round."""
        column = self.columns[self.choice.column]
        sort = column.key if self.local else column.sort
        if sort is None:
            return
        if self.choice.sort == sort:
            self.choice.descending = not self.choice.descending
        else:
            self.choice.sort, self.choice.descending = sort, True
        self.refresh()
        if self.sorts:
            self._again()
        else:
            self.post_message(self.Sorted(self))

    def filter(self, text: str) -> None:
        """Keep the rows that match (a list that is held whole): words, `!not`, `a | b`."""
        self.words = text
        self._again()

    def _again(self) -> None:
        if self._given is not None:
            self.show(self._given)
            self.refresh()

    def _arranged(self, window: Window) -> Window:
        rows = list(window.rows)
        if self.words.strip():
            rows = [row for row in rows if _matches(self.words, _text_of(row))]
        keys = [column.key for column in self.columns]
        if self.sorts and self.choice.sort in keys:
            at = keys.index(self.choice.sort)
            rows.sort(key=lambda row: _sort_key(row, at), reverse=self.choice.descending)
        return Window.of(rows) if rows != list(window.rows) else window

    def do_list_wide(self) -> None:
        """Give columns their wide widths, or the usual ones."""
        self.choice.wide = not self.choice.wide
        self._lay_out()
        self.refresh()

    def _choose(self, step: int) -> None:
        shown = [index for index, _, _ in self._visible] or [0]
        at = shown.index(self.choice.column) if self.choice.column in shown else 0
        self.choice.column = shown[(at + step) % len(shown)]
        self.refresh(Region(0, 0, self.size.width, 1))

    def _go(self, index: int) -> None:
        self._touched = True
        index = min(max(index, 0), max(self.window.total - 1, 0))
        before, self.cursor = self.cursor, index
        top = self.scroll_offset.y
        if index < top:
            self._scroll_quietly(index)
        elif index >= top + self.page:
            self._scroll_quietly(index - self.page + 1)
        if self.scroll_offset.y != top or self._range_from is not None:
            self.refresh()
        else:
            self.refresh(*(Region(0, y - top + 1, self.size.width, 1) for y in {before, index}))
        self._take_id()
        self._ask()

    def _take_id(self) -> None:
        row = self.current
        new = row.id if row is not None else None
        if new != self.cursor_id:
            self.cursor_id = new
            if new is not None:
                self.post_message(self.Moved(self, new))

    def _ask(self) -> None:
        """Ask for rows when those on the screen are not loaded, or the end of the window is near."""
        top, window = self.scroll_offset.y, self.window
        last = window.first + len(window.rows)
        near = self.page // 2
        before = window.first > 0 and top - near < window.first
        after = last < window.total and top + self.page + near > last
        if before or after:
            self.post_message(self.Wanted(self, top))

    def _scroll_quietly(self, y: int) -> None:
        most = max(self.window.total - self.page, 0)
        self.scroll_y = self.scroll_target_y = min(max(y, 0), most)

    # -- drawing -------------------------------------------------------------------------------------------------

    def _update_virtual_size(self, *, quietly: bool = False) -> None:
        size = Size(self.size.width, max(self.window.total + 1, 1))
        if quietly:  # another count of rows lays the screen out anew for nothing: no scrollbar depends on it
            self.set_reactive(Grid.virtual_size, size)
        else:
            self.virtual_size = size

    def on_resize(self, _event: Resize) -> None:
        """Drop columns that do not fit and keep the cursor in view."""
        self._lay_out()
        self._update_virtual_size()
        if self.cursor >= self.scroll_offset.y + self.page:
            self._scroll_quietly(self.cursor - self.page + 1)
        self._ask()

    def on_click(self, event: Click) -> None:
        """A click moves the cursor, a second one opens."""
        y = event.get_content_offset_capture(self).y
        index = self.scroll_offset.y + y - 1
        if y < 1 or index >= self.window.total:
            return
        if index == self.cursor and event.chain > 1:
            self.do_list_open()
        else:
            self._go(index)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self.cursor + 3)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self.cursor - 3)

    def _lay_out(self) -> None:
        """Choose the columns that fit: the highest `drop` goes first; a growing column takes what is left."""
        room = self.size.width - GUTTER
        wide = self.choice.wide
        kept = list(enumerate(self.columns))

        def taken() -> int:
            return sum((c.wide if wide and c.wide else c.width) + 1 for _, c in kept) - 1

        for drop in sorted({c.drop for c in self.columns if c.drop}, reverse=True):
            if taken() <= room:
                break
            kept = [(index, c) for index, c in kept if c.drop != drop]
        spare = max(room - taken(), 0)
        growing = [index for index, c in kept if c.grow]
        share = spare // len(growing) if growing else 0
        self._visible = tuple(
            (index, c, (c.wide if wide and c.wide else c.width) + (share if index in growing else 0))
            for index, c in kept
        )

    def render_line(self, y: int) -> Strip:
        """The header, or the row at a line of the screen."""
        if not self._visible:
            self._lay_out()
        width, inks = self.size.width, inks_of(self)
        if y == 0:
            return strip_of(self._header(), width, inks)
        if self.loaded and not self.window.total:
            at = y - 2
            return strip_of(self.empty[at] if 0 <= at < len(self.empty) else (), width, inks)
        index = self.scroll_offset.y + y - 1
        if index >= self.window.total:
            return strip_of((), width, inks)
        row = self.row_at(index)
        here = index == self.cursor
        ground = ("cursor" if self.has_focus else "away") if here else ""
        if row is None:
            return strip_of(line(" " * GUTTER, ("⋯", "faint")), width, inks, ground)
        return strip_of(self._spans(row, index, here), width, inks, ground)

    def _header(self) -> Line:
        spans: list[Span] = [(" " * GUTTER, "")]
        for index, column, width in self._visible:
            arrow = ""
            if self.choice.sort is not None and self.choice.sort == (column.key if self.local else column.sort):
                glyphs = glyphs_of(self)
                arrow = glyphs.down if self.choice.descending else glyphs.up
            title = fit(column.title + arrow, width, right=column.right)
            chosen = index == self.choice.column and self.has_focus
            if chosen:
                bare = title.strip()
                lead = title[: len(title) - len(title.lstrip())]
                spans += [(lead, ""), (bare, "here"), (" " * (width - width_of(((lead, ""), (bare, "")))), "")]
            else:
                spans.append((title, "head"))
            spans.append((" ", ""))
        return tuple(spans)

    def _spans(self, row: Row, index: int, here: bool) -> list[Span]:
        glyphs = glyphs_of(self)
        in_range = self._range_from is not None and min(self._range_from, self.cursor) <= index <= max(
            self._range_from, self.cursor
        )
        marked = row.id in self.choice.marks or in_range
        spans: list[Span] = [
            (glyphs.mark if marked else glyphs.cursor if here else " ", "mark" if marked or here else ""),
            (" ", ""),
        ]
        for at, column, width in self._visible:
            cell = row.cells[at] if at < len(row.cells) else ("", "")
            if cell and isinstance(cell[0], str):
                text, ink = cell[0], cell[1]
                text = text[:width] if column.cut else text
                spans.append((fit(text, width, right=column.right), str(ink)))
            else:
                parts: list[Span] = []
                room = width
                for part in cell:
                    text, ink = part
                    cut = fit(text, min(width_of(((text, ""),)), room))
                    room -= width_of(((cut, ""),))
                    parts.append((cut, ink))
                pad = (" " * room, "")
                spans += [pad, *parts] if column.right else [*parts, pad]
            spans.append((" ", ""))
        return spans

    def watch_has_focus(self, _focused: bool) -> None:
        """The cursor row looks different without the focus."""
        super().watch_has_focus(_focused)
        self.refresh()


def _text_of(row: Row) -> str:
    parts = (cell[0] if cell and isinstance(cell[0], str) else " ".join(span[0] for span in cell) for cell in row.cells)
    return " ".join(str(part) for part in parts).lower()


def _matches(words: str, text: str) -> bool:
    """Whether a row's text matches: every word of one of the alternatives, none of the negated.

    >>> _matches("auc !psi | temp", "psi.temp"), _matches("auc", "psi.temp")
    (True, False)
    """
    return any(
        all((word[1:] not in text) if word.startswith("!") and word[1:] else word in text for word in part.split())
        for part in words.lower().split("|")
        if part.strip()
    )


def _sort_key(row: Row, at: int) -> tuple[int, float, str]:
    cell = row.cells[at] if at < len(row.cells) else ("", "")
    text = cell[0] if cell and isinstance(cell[0], str) else " ".join(str(span[0]) for span in cell)
    digits = str(text).replace(",", "").lstrip("▲▼✓✗●v+ ").split(" ")[0]
    try:
        return (1, float(digits), str(text))
    except ValueError:
        return (0, 0.0, str(text).lower())


__all__ = ["Choice", "Column", "Grid", "Row", "Window"]
