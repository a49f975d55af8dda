"""The shell that every place stands in: breadcrumb, places, body, prompt, footer; keys by the table; one poller."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.events import Key, Resize, ScreenResume, ScreenSuspend
from textual.screen import Screen
from textual.widgets import Input

from app.domain.actions import EVERYWHERE, LIST, PLACES, Action
from app.store.reader import Reader
from app.tui import shell, words
from app.tui.grid import Grid
from app.tui.lines import Line, line
from app.tui.panel import Bar, Panel
from app.tui.poller import Health, Poller
from app.tui.prompt import Prompt

if TYPE_CHECKING:
    from app.tui.app import ControlRoom

PLACE_NAMES = {place.name for place in PLACES}


@dataclass(frozen=True)
class Loaded:
    """What one poll brought: what the shell shows on every screen, and the body's snapshot."""

    state: shell.State
    body: object


class PlaceScreen(Screen[None]):
    """A place of the control room; a subclass gives the body, loads its snapshot and shows it."""

    place: ClassVar[str] = ""
    scope: ClassVar[str] = ""
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self.state = shell.State()
        self.body: Any = None
        self._filtered: Grid | None = None
        self._poller: Poller[Hashable, Loaded] | None = None

    @property
    def control(self) -> "ControlRoom":
        """The app."""
        return cast("ControlRoom", self.app)

    @property
    def poller(self) -> Poller[Hashable, Loaded]:
        """The screen's poller; made at the first use."""
        if self._poller is None:
            self._poller = Poller(
                load=self._load,
                wish=self.wish,
                show=self._show,
                version=lambda: self.control.reader().version(),
                tick=self._tick,
                executor=self.control.executor,
                interval_s=self.control.interval_s,
            )
        return self._poller

    # -- what a place gives --------------------------------------------------------------------------------------

    def panes(self) -> ComposeResult:
        """The body's widgets."""
        yield Container()

    def wish(self) -> Hashable:
        """What to load: filter, order, what is chosen; equal wishes load equal snapshots."""
        return ()

    def load(self, _reader: Reader, _wish: Any) -> object:
        """A frozen snapshot of the body; runs in the poller's thread and touches no widget."""
        return ()

    def show(self, snapshot: Any) -> None:
        """Put a snapshot into the widgets."""

    def tick(self) -> None:
        """Time has passed: ages and sparklines may have changed."""

    def trail(self) -> str:
        """What stands behind the place's name in the breadcrumb."""
        return ""

    def status(self) -> Line:
        """The row above the footer: the filter of a list, when there is one."""
        grid = next((grid for grid in self.query(Grid) if grid.words), None)
        return (
            line(" ", (f"/{grid.words}   ", "accent"), (f"{grid.window.total} rows match · esc shows all", "dim"))
            if grid
            else ()
        )

    # -- the shell -----------------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Crumbs, places, body, prompt, footer, and the one line of a tiny terminal."""
        with Container(id="shell"):
            yield Bar(id="crumbs")
            yield Bar(id="places")
            with Container(id="body"):
                yield from self.panes()
            with Horizontal(id="prompt"):
                yield Bar(id="status")
            yield Bar(id="footer")
        yield Bar(id="tiny")

    def on_mount(self) -> None:
        """Draw the shell at once; the body follows with the first snapshot."""
        self.set_class(self.control.glyphs.name == "ascii", "-ascii")
        self.draw_shell()
        self.call_after_refresh(self.draw_shell)

    def on_screen_resume(self, _event: ScreenResume) -> None:
        """Poll while this screen is the visible one."""
        self.set_class(self.control.glyphs.name == "ascii", "-ascii")
        self.draw_shell()
        self.call_after_refresh(self._begin)  # the first frame does not share the interpreter with the first load

    def _begin(self) -> None:
        self.control.shown_first()
        if self.control.app_focus and self.is_current:
            self.poller.start()

    def on_screen_suspend(self, _event: ScreenSuspend) -> None:
        """A timer in a mode that was left would keep firing: stop polling."""
        self.poller.stop()

    def on_unmount(self) -> None:
        """Poll no more."""
        if self._poller is not None:
            self._poller.stop()

    def on_resize(self, _event: Resize) -> None:
        """Footer and crumbs depend on the width."""
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw shell and body again from what is loaded."""
        self.draw_shell()
        if self.body is not None:
            self.show(self.body)
            self.tick()

    def draw_shell(self) -> None:
        """Breadcrumb, places, status, footer."""
        if not self.is_mounted:
            return
        width = self.app.size.width
        control = self.control
        health = self.poller.health
        self.query_one("#crumbs", Bar).show(shell.crumbs(self, self.state, health, control, width))
        self.query_one("#places", Bar).show(shell.places(self.place, width))
        self.query_one("#footer", Bar).show(shell.footer(control.keymap, self.scopes(), width))
        self.query_one("#tiny", Bar).show(shell.tiny(self.state, control, width))
        status = self.query("#status")
        if status:
            cast(Bar, status.first()).show(self._trouble(health) or self.status())

    def _trouble(self, health: Health) -> Line:
        glyphs = self.control.glyphs
        silent = self.state.silent(self.control.clock())
        if not health.failures and not silent:
            return ()
        if not health.failures:
            names = ", ".join(f"{name} has said nothing for {words.span(age)}" for name, age in silent)
            return line(
                " ", (f"{glyphs.alert} {names}", "bad"), ("  8 shows it · ", "dim"), ("trainmaster status", "key")
            )
        return line(
            " ", (f"{glyphs.bad} {health.error}", "bad"), ("  F5 tries again · ", "dim"), ("trainmaster status", "key")
        )

    def _load(self, wish: Hashable) -> Loaded:
        reader = self.control.reader()
        return Loaded(shell.load(reader, self.control.clock()), self.load(reader, wish))

    def _show(self, loaded: Loaded) -> None:
        if not self.is_mounted:
            return
        self.state, self.body = loaded.state, loaded.body
        self.show(loaded.body)

    def _tick(self, _health: Health) -> None:
        if not self.is_mounted:
            return
        self.draw_shell()
        if self.body is not None:
            self.tick()

    # -- keys ----------------------------------------------------------------------------------------------------

    def scopes(self) -> tuple[str, ...]:
        """Where the keys are looked up, the nearest first."""
        listed = (LIST,) if isinstance(self.focused, Grid | Panel) else ()
        return (self.scope or self.place, *listed, EVERYWHERE)

    async def on_key(self, event: Key) -> None:
        """Find the key in the table and do what it says."""
        if isinstance(self.focused, Input):
            return
        action = self.control.keymap.find(event.key, self.scopes())
        if action is None:
            return
        event.stop()
        event.prevent_default()
        await self.perform(action)

    def targets(self) -> tuple[Any, ...]:
        """Who may know an action, the nearest first."""
        return (self.focused, self, self.app)

    async def perform(self, action: Action) -> None:
        """Do an action: the focused pane knows it, or the screen, or the app."""
        if action.id.startswith("go.") and action.id.removeprefix("go.") in PLACE_NAMES:
            self.control.go(action.id.removeprefix("go."))
            return
        if not self.control.lets(action):
            return
        for target in self.targets():
            method = getattr(target, action.method, None)
            if method is not None:
                result = method()
                if result is not None and hasattr(result, "__await__"):
                    await result
                self.draw_shell()
                return

    def ring(self) -> list[Any]:
        """The panes that tab goes through."""
        return [w for w in self.query("#body Grid, #body Panel") if w.display and w.can_focus and _seen(w)]

    def do_pane_next(self) -> None:
        """Focus the next pane."""
        self._step(1)

    def do_pane_previous(self) -> None:
        """Focus the pane before."""
        self._step(-1)

    def _step(self, by: int) -> None:
        ring = self.ring()
        if ring:
            at = ring.index(self.focused) + by if self.focused in ring else 0
            ring[at % len(ring)].focus()

    def do_pane_maximise(self) -> None:
        """Give the focused pane the whole body, or the others their place back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            self.maximize(self.focused)

    def do_live_freeze(self) -> None:
        """Keep the picture as it is, or follow again."""
        self.poller.frozen = not self.poller.frozen
        self.poller.nudge(reload=not self.poller.frozen)

    def do_live_refresh(self) -> None:
        """Load at once."""
        self.poller.nudge(reload=True)

    def do_go_up(self) -> None:
        """Undo the narrowest thing first: maximised pane, filter, screen."""
        if self.maximized is not None:
            self.minimize()
        elif not self.leave_filter() and len(self.app.screen_stack) > 1 and self.is_current:
            self.app.pop_screen()

    def leave_filter(self) -> bool:
        """Take a filter away; False when there is none."""
        grids = [grid for grid in self.query(Grid) if grid.words]
        for grid in grids:
            grid.filter("")
        return bool(grids)

    def do_app_quit(self) -> None:
        """Back; at the root, quit."""
        if len(self.app.screen_stack) == 1:
            self.app.exit()
        elif self.is_current:
            self.app.pop_screen()

    # -- prompt --------------------------------------------------------------------------------------------------

    def do_go_command(self) -> None:
        """Open the command line."""
        self.ask(":", "", self.control.commands())

    def ask(self, mode: str, value: str, choices: Iterable[str] = ()) -> None:
        """Open the prompt row for a command or a filter."""
        if self.query(Prompt):
            return
        self.query_one("#status").display = False
        self.query_one("#prompt").mount(Prompt(mode, value, list(choices)))

    async def on_prompt_done(self, event: Prompt.Done) -> None:
        """A command was typed, or the prompt was left."""
        event.stop()
        await self._close_prompt()
        if event.mode == ":" and event.value is not None:
            await self.control.command(event.value, self)
        elif event.mode == "/":
            self.filter_typed(event.value, final=True)

    def on_prompt_typing(self, event: Prompt.Typing) -> None:
        """A filter works while it is typed."""
        event.stop()
        if event.mode == "/":
            self.filter_typed(event.value, final=False)

    def do_list_filter(self) -> None:
        """Type a filter for the focused list."""
        if isinstance(self.focused, Grid):
            self._filtered = self.focused
            self.ask("/", self._filtered.words)

    def filter_typed(self, value: str | None, *, final: bool) -> None:
        """A filter was typed; None takes it away."""
        if self._filtered is not None:
            self._filtered.filter((value or "").strip())
            if final:
                self._filtered.focus()

    def do_list_copy(self) -> None:
        """Copy what names the row under the cursor."""
        grid = self.focused
        if isinstance(grid, Grid) and grid.current is not None:
            found = self.copied(grid)
            self.app.copy_to_clipboard(found)
            self.control.say(f"copied {found}")

    def copied(self, grid: Grid) -> str:
        """What `y` copies from a list: the row's id."""
        return str(grid.cursor_id)

    async def _close_prompt(self) -> None:
        await self.query(Prompt).remove()
        self.query_one("#status").display = True
        if self.focused is None:
            ring = self.ring()
            if ring:
                ring[0].focus()


def _seen(widget: Any) -> bool:
    return all(node.display for node in widget.ancestors_with_self if hasattr(node, "display"))


__all__ = ["Loaded", "PlaceScreen"]
