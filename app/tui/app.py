"""The control room: shell, places as modes, command line, palette, themes; what it does stands in `app.tui.acts`."""

# ruff: noqa: E402
import gc
import os

gc.disable()  # what imports make is no garbage: not looked for until the end of this file, a tenth of the start
os.environ.setdefault("TEXTUAL_FPS", "240")  # at 60, a key just after an update waits two of its frames for its own

import asyncio
import contextlib
import importlib
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from textual.app import App, SystemCommand
from textual.events import AppBlur, AppFocus, Event, Key
from textual.screen import Screen

from app.domain.actions import EVERYWHERE, PLACES, Action, Keymap, sign
from app.domain.errors import TrainmasterError
from app.domain.roles import Permission, require
from app.domain.workspace import Workspace
from app.store.reader import Reader
from app.tui import acts
from app.tui.glyphs import SETS, Glyphs
from app.tui.inks import Inks
from app.tui.poller import INTERVAL_S
from app.tui.screens.place import PlaceScreen
from app.tui.settings import read_settings
from app.tui.sheet import Sheet
from app.tui.sweep import Sweep
from app.tui.text import plain
from app.tui.themes import DEFAULT, THEMES

if TYPE_CHECKING:
    from app.machine.sampler import MachineSample

Severity = Literal["information", "warning", "error"]
HISTORY = 240
SAMPLE_S = 1.0
PREPARE_S = 2.0
SWEEP_S = 0.5
SWITCH_S = 0.015


def utc_now() -> datetime:
    """The time of the clock."""
    return datetime.now(UTC)


class ControlRoom(App[None]):
    """The screen of one workspace; closing it never stops a flow."""

    CSS_PATH = "app.tcss"
    TITLE = "Trainmaster"
    DEFAULT_MODE = "overview"
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (100, "-broad")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (30, "-tall")]
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self,
        workspace: Workspace,
        *,
        clock: Callable[[], datetime] = utc_now,
        machine: "Sequence[MachineSample] | None" = None,
        start_services: bool = True,
        interval_s: float = INTERVAL_S,
    ) -> None:
        settings = read_settings(workspace)
        self.workspace = workspace
        self.environment = settings.environment
        self.keymap = Keymap(own=settings.keys)
        self.glyphs: Glyphs = SETS[settings.glyphs]
        self.clock = clock
        self.interval_s = interval_s
        self.acts = acts.Acts(workspace)
        self.samples: deque[MachineSample] = deque(maxlen=HISTORY)
        self._recorded = machine is not None
        self.samples.extend(machine or ())
        self._start_services = start_services
        self._store_url = settings.store_url or f"sqlite:///{workspace.store_file}"
        self._reader: Reader | None = None
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poller")
        self._sampler = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sampler")
        self._last_place = "overview"
        self._inks: tuple[str, Inks] | None = None
        self.crash_report: str = ""
        self._start_quietly = False
        self._sweep = Sweep()
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        for place in PLACES:
            self.add_mode(place.name, _screen_of(place.name))
        if self.no_color:
            self.theme = "mono"
        else:
            self.theme = settings.theme if settings.theme in self.available_themes else DEFAULT
        self.stylesheet = Sheet(variables=self.get_css_variables())

    # -- what screens use ----------------------------------------------------------------------------------------

    def reader(self) -> Reader:
        """The store's reader; raises NotFound while there is no store yet."""
        if self._reader is None:
            url = self._store_url
            self._reader = Reader.of_file(self.workspace.store_file) if url.startswith("sqlite") else Reader(url)
        return self._reader

    @property
    def inks(self) -> Inks:
        """The inks of the theme that is on."""
        if self._inks is None or self._inks[0] != self.theme:
            mono = self.theme == "mono" or self.no_color
            self._inks = (self.theme, Inks(self.theme_variables, mono=mono))
        return self._inks[1]

    def say(self, text: object, *, severity: Severity = "information", timeout: float = 6) -> None:
        """Show a toast; the text is never markup."""
        self.notify(plain(text, 300), severity=severity, timeout=timeout, markup=False)

    def lets(self, action: Action) -> bool:
        """Whether the person's role may do an action; when not, it says which role may."""
        if action.needs is Permission.VIEW:
            return True
        from app.services import people, workspaces

        person = workspaces.actor()
        try:
            require(person, people.roles_of(self.workspace, person), action.needs, action.says)
        except TrainmasterError as error:
            self.complain(error)
            return False
        return True

    def complain(self, error: BaseException) -> None:
        """Say what went wrong, why, and what to do next."""
        if isinstance(error, TrainmasterError):
            where = f"{error.where}: " if error.where else ""
            after = f"\nnext: {plain(error.next_step, 200)}" if error.next_step else ""
            text = plain(where + error.message, 300) + after
        else:
            text = plain(f"{type(error).__name__}: {error}", 300) + "\nnext: trainmaster status"
        self.notify(text, severity="error", timeout=12, markup=False)

    async def act(self, work: Callable[[], object], *, doing: str = "", done: str = "") -> object | None:
        """Do an act in a thread; a failure becomes a toast and gives None."""
        if doing:
            self.say(doing, timeout=3)
        try:
            result = await asyncio.to_thread(work)
        except Exception as error:  # whatever an act throws, the screen stays
            self.complain(error)
            return None
        if done:
            self.say(done)
        screen = self.screen
        if isinstance(screen, PlaceScreen):
            screen.poller.nudge(reload=True)
        return result if result is not None else True

    def start_act(self, work: Callable[[], object], *, doing: str = "", done: str = "") -> None:
        """The same, without waiting for it."""
        self.run_worker(self.act(work, doing=doing, done=done), group="acts", exit_on_error=False)

    def only_project(self) -> str | None:
        """The project when there is just one; a toast names the way when there are more or none."""
        folder = self.workspace.projects
        names = sorted(p.parent.name for p in folder.glob("*/project.toml")) if folder.is_dir() else []
        if not names:
            self.say("There is no project yet. next: trainmaster init NAME --from FILE", severity="warning")
        return names[0] if names else None

    def delay_update(self, delay: float = SWITCH_S) -> None:
        """Draw nothing for a moment: a place that was seen before is ready long before Textual's own 50 ms are over."""
        super().delay_update(delay)

    def start(self) -> None:
        """Run as the only thing in this process; the collector of garbage rests until the first frame is out."""
        gc.disable()
        self._start_quietly = True
        self.run()

    def shown_first(self) -> None:
        """The first frame is out: what is loaded by now stays, and is never searched for garbage again."""
        if self._start_quietly and not gc.isenabled():
            self._sweep.begin()
            self.set_interval(SWEEP_S, self._sweep.look)

    def _keep(self) -> None:
        if self._start_quietly:
            self._sweep.keep()

    async def on_event(self, event: Event) -> None:
        """Note when somebody types."""
        if isinstance(event, Key):
            self._sweep.key()
        await super().on_event(event)

    # -- life ----------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Begin to sample the machine, and start what is not up."""
        sys.setswitchinterval(0.001)  # the thread of the poller gives the interpreter back sooner
        if not self._recorded:
            self.run_worker(self._watch_machine(), group="sampler", exit_on_error=False)
        if self._start_services:
            self.run_worker(self._up(), group="up", exit_on_error=False)
        else:
            self.set_timer(PREPARE_S, lambda: self.run_worker(self._prepare(), group="up", exit_on_error=False))

    async def _watch_machine(self) -> None:
        await asyncio.sleep(0.2)  # the first frame first: psutil is not loaded before it
        from app.machine.sampler import sample_machine

        loop = asyncio.get_running_loop()
        while True:
            if self.app_focus:
                with contextlib.suppress(Exception):  # a reading less
                    self.samples.append(await loop.run_in_executor(self._sampler, sample_machine, self.workspace.root))
            await asyncio.sleep(SAMPLE_S)

    async def _prepare(self) -> None:
        with contextlib.suppress(Exception):  # whatever is wrong, the act itself says it
            await asyncio.to_thread(self.acts.prepare)
        self._keep()

    async def _up(self) -> None:
        try:
            await asyncio.sleep(0.5)  # the first frame first
            await asyncio.to_thread(self.acts.open_store)
            if isinstance(self.screen, PlaceScreen):
                self.screen.poller.nudge(reload=True)
            if not await asyncio.to_thread(self.acts.is_up):
                self.say("The services are not up: starting them in the background.")
                await asyncio.to_thread(self.acts.up)
            await asyncio.to_thread(self.acts.prepare)
            self._keep()
        except Exception as error:  # services stay down; the screen says so and works on
            self.complain(error)

    def on_app_blur(self, _event: AppBlur) -> None:
        """Nobody looks: poll no more."""
        if isinstance(self.screen, PlaceScreen):
            self.screen.poller.stop()

    def on_app_focus(self, _event: AppFocus) -> None:
        """Somebody looks again."""
        if isinstance(self.screen, PlaceScreen) and self.screen.is_mounted:
            self.screen.poller.start()

    async def on_unmount(self) -> None:
        """Give threads and connections back."""
        self.executor.shutdown(wait=False, cancel_futures=True)
        self._sampler.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self.acts.close)

    def _handle_exception(self, error: Exception) -> None:
        """Restore the terminal and name a log file; flows are other processes and go on."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        report = "".join(traceback.format_exception(error))
        path = self.workspace.logs / f"screen-{time.strftime('%Y%m%dT%H%M%S')}.log"
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(report)
        self.crash_report = (
            f"The control room stopped: {plain(f'{type(error).__name__}: {error}', 200)}\n"
            f"  report: {path}\n  Runs and services go on. next: trainmaster"
        )
        self._return_code = 1
        self._exit_renderables.clear()
        self._close_messages_no_wait()

    # -- everywhere ----------------------------------------------------------------------------------------------

    def go(self, place: str) -> None:
        """Go to a place."""
        if place != self.current_mode:
            self._last_place = self.current_mode
            self.switch_mode(place)

    def do_go_last(self) -> None:
        """Back to the place before."""
        self.go(self._last_place)

    def do_go_palette(self) -> None:
        """Open the palette."""
        self.action_command_palette()

    def do_go_help(self) -> None:
        """Say what the keys do here."""
        from app.tui.dialogs.help import Help

        if isinstance(self.screen, PlaceScreen):
            self.push_screen(Help(self.keymap, self.screen.scopes(), self.screen.place))

    async def do_undo_last(self) -> None:
        """Undo the last promotion."""
        from app.tui.dialogs.registry import ask_undo

        await ask_undo(self)

    def do_retrain_ask(self) -> None:
        """Ask for a retrain of the project, from any pane."""
        project = self.only_project()
        if project is None:
            self.say("which project? trainmaster feedback retrain --project NAME")
            return
        from app.tui.dialogs.feedback import ask_retrain

        ask_retrain(self, project)

    def do_replay_next(self) -> None:
        """Let the next month of the sample year arrive."""
        project = self.only_project()
        if project is None:
            self.say("which project? trainmaster replay --project NAME")
            return
        from app.tui.dialogs.feedback import next_month

        next_month(self, project)

    async def do_undo_redo(self) -> None:
        """Redo what was undone."""
        from app.tui.dialogs.registry import ask_undo

        await ask_undo(self, redo=True)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action that holds here, and the themes."""
        if not isinstance(screen, PlaceScreen):
            return
        for action in self.keymap.here(screen.scopes()):
            if action.id != "go.palette":
                yield SystemCommand(
                    f"{action.says[:1].upper()}{action.says[1:]}",
                    f"{sign(action.key)} · {action.id}",
                    lambda action=action: self.run_worker(screen.perform(action), exit_on_error=False),
                )
        yield SystemCommand("Theme", "choose colours", self.action_change_theme)

    def commands(self) -> list[str]:
        """What the command line completes."""
        themes = [f"theme {name}" for name in sorted(self.available_themes)]
        glyphs = [f"glyphs {name}" for name in SETS]
        names = [name for place in PLACES for name in (place.name, place.short.lower())]
        ids = [action.id for action in self.keymap.actions]
        return [*dict.fromkeys(names), "quit", "help", "keys", "up", "down", *themes, *glyphs, *ids]

    async def command(self, text: str, screen: PlaceScreen) -> None:
        """Do what was typed on the command line."""
        word, _, rest = text.strip().partition(" ")
        place = next((p for p in PLACES if word and word.lower() in (p.name, p.short.lower(), p.key)), None)
        if not word:
            return
        if place is not None:
            self.go(place.name)
        elif word in ("quit", "q", "exit"):
            self.exit()
        elif word in ("help", "keys", "h"):
            self.do_go_help()
        elif word == "theme" and rest in self.available_themes:
            self.theme = rest
        elif word == "glyphs" and rest in SETS:
            self.glyphs = SETS[rest]
            for shown in self.screen_stack:
                if isinstance(shown, PlaceScreen):
                    shown.set_class(rest == "ascii", "-ascii")
                    shown.redraw()
                    shown.refresh(layout=True)
        elif word == "up":
            self.start_act(self.acts.up, doing="Starting the services.")
        elif word == "down":
            self.start_act(self.acts.down, doing="Stopping the services.")
        elif word in self.keymap.by_id and {EVERYWHERE, *screen.scopes()}.intersection(self.keymap.by_id[word].on):
            await screen.perform(self.keymap.by_id[word])
        else:
            self.say(f"no command {word!r} here; ? lists them, tab completes", severity="warning")

    def watch_theme(self, _theme: str) -> None:
        """Other colours: draw everything again."""
        for shown in self.screen_stack if self.is_running else ():
            for widget in shown.query("*"):
                widget.refresh()


SCREENS = {
    "overview": "overview:OverviewScreen",
    "data": "data:DataScreen",
    "runs": "runs:RunsScreen",
    "experiments": "experiments:ExperimentsScreen",
    "registry": "registry:RegistryScreen",
    "serving": "serving:ServingScreen",
    "monitoring": "monitoring:MonitoringScreen",
    "infrastructure": "infrastructure:InfrastructureScreen",
    "ci": "ci:CiScreen",
}
"""Place -> module:class under app.tui.screens, imported when somebody goes there."""


def _screen_of(place: str) -> Callable[[], Screen[None]]:
    def make() -> Screen[None]:
        module, name = SCREENS[place].split(":")
        made: Screen[None] = getattr(importlib.import_module(f"app.tui.screens.{module}"), name)()
        return made

    return make


def run(workspace: Workspace) -> int:
    """Open the control room on a workspace; gives the exit status; settings that cannot be read are said."""
    try:
        app = ControlRoom(workspace)
    except TrainmasterError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    app.start()
    if app.crash_report:
        sys.stderr.write(app.crash_report + "\n")
    return app.return_code or 0


__all__ = ["ControlRoom", "run"]


gc.freeze()  # or the first thing that is made would search all that was imported
gc.enable()
