"""Tabs of a place: each is a container with its own panes, wish, load and show; only the one in front is loaded.

To add one: write a `Tab` in a file of its own and name it in the `tabs` of its screen.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from app.store.reader import Reader
from app.tui.grid import Grid
from app.tui.lines import Line, Span, line, width_of
from app.tui.panel import Bar
from app.tui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


class Tab(Container):
    """One tab; a subclass gives panes, loads a frozen snapshot for its wish, and shows it."""

    DEFAULT_CSS = "Tab { height: 1fr; width: 1fr; layout: vertical; }"
    key: ClassVar[str] = ""
    title: ClassVar[str] = ""
    scope: ClassVar[str] = ""
    """Where its own keys are looked up, before those of the place; nothing when it has none."""

    def __init__(self) -> None:
        super().__init__(id=f"tab-{self.key}")
        self.body: Any = None

    @property
    def control(self) -> "ControlRoom":
        """The app."""
        return cast("ControlRoom", self.app)

    @property
    def place(self) -> "TabbedScreen":
        """The screen that the tab stands in."""
        return cast("TabbedScreen", self.screen)

    def compose(self) -> ComposeResult:
        """Its panes."""
        yield from self.panes()

    def panes(self) -> ComposeResult:
        """The tab's widgets; the first that takes the focus has it when the tab comes to the front."""
        yield Container()

    def copied(self, grid: Grid) -> str:
        """What `y` copies from a list: the row's id, or the same act as a command."""
        return str(grid.cursor_id)

    def wish(self) -> Hashable:
        """What to load; equal wishes load equal snapshots."""
        return ()

    def load(self, _reader: Reader, _wish: Any) -> object:
        """A frozen snapshot; runs in the poller's thread and touches no widget."""
        return ()

    def show(self, snapshot: Any) -> None:
        """Put a snapshot into the widgets."""

    def tick(self) -> None:
        """Time has passed; by default what is loaded is shown again."""
        if self.body is not None:
            self.show(self.body)


class TabbedScreen(PlaceScreen):
    """A place with a row of tabs; a tab is mounted when it is first looked at."""

    tabs: ClassVar[tuple[type[Tab], ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._made = {kind.key: kind() for kind in self.tabs}
        self._front = self.tabs[0].key

    @property
    def front(self) -> Tab:
        """The tab that is looked at."""
        return self._made[self._front]

    def panes(self) -> ComposeResult:
        """The row of tabs, and the first of them."""
        yield Bar(id="tabs")
        yield self.front

    def wish(self) -> Hashable:
        """The tab in front and its wish."""
        return self._front, self.front.wish() if self.front.is_mounted else None

    def load(self, reader: Reader, wish: tuple[str, Any]) -> tuple[str, object]:
        """What the tab in front shows."""
        key, inner = wish
        return key, None if inner is None else self._made[key].load(reader, inner)

    def show(self, snapshot: tuple[str, object]) -> None:
        """Give the snapshot to its tab."""
        key, body = snapshot
        tab = self._made[key]
        if body is None or not tab.is_mounted:
            return
        tab.body = body
        tab.show(body)

    def tick(self) -> None:
        """Time has passed in the tab in front."""
        self.draw_tabs()
        if self.front.is_mounted:
            self.front.tick()

    def draw_shell(self) -> None:
        """The shell, and the row of tabs."""
        super().draw_shell()
        self.draw_tabs()

    def draw_tabs(self) -> None:
        """The row of tabs, the one in front in brackets; far ones are dropped when there is no room."""
        if not self.is_mounted or not self.query("#tabs"):
            return
        self.query_one("#tabs", Bar).show(
            _row([(kind.key, kind.title) for kind in self.tabs], self._front, self.app.size.width)
        )

    def scopes(self) -> tuple[str, ...]:
        """The tab's own keys first."""
        return (*((self.front.scope,) if self.front.scope else ()), *super().scopes())

    def targets(self) -> tuple[Any, ...]:
        """Who may know an action: the focused pane, the tab, the screen, the app."""
        return (self.focused, self.front, self, self.app)

    def copied(self, grid: Grid) -> str:
        """What the tab in front copies."""
        return self.front.copied(grid)

    async def turn_to(self, key: str) -> None:
        """Bring a tab to the front."""
        if key == self._front:
            return
        self.minimize()
        self.front.display = False
        self._front = key
        if self.front.is_mounted:
            self.front.display = True
        else:
            await self.query_one("#body").mount(self.front)
        ring = self.ring()
        if ring:
            ring[0].focus()
        self.draw_shell()
        self.poller.nudge(soon=True)

    async def do_tab_next(self) -> None:
        """The next tab."""
        await self._turn(1)

    async def do_tab_previous(self) -> None:
        """The tab before."""
        await self._turn(-1)

    async def _turn(self, by: int) -> None:
        keys = [kind.key for kind in self.tabs]
        await self.turn_to(keys[(keys.index(self._front) + by) % len(keys)])


def _row(tabs: list[tuple[str, str]], front: str, width: int) -> Line:
    spans: list[Span] = [(" ", "")]
    for key, title in tabs:
        spans.append((f"[{title}]", "here") if key == front else (f" {title} ", "dim"))
    if width_of(spans) <= width - 10:
        return line(*spans, ("  [ ] turn", "faint"))
    if width_of(spans) <= width:
        return tuple(spans)
    at = next(number for number, (key, _) in enumerate(tabs) if key == front)
    return line(" ", (f"[{tabs[at][1]}]", "here"), (f"  {at + 1} of {len(tabs)}", "dim"), ("  [ ] turn", "faint"))


__all__ = ["Tab", "TabbedScreen"]
