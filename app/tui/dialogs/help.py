"""Help for the focused pane: the keys that hold here, from the one table."""

from textual.app import ComposeResult
from textual.containers import Container
from textual.events import Key
from textual.screen import ModalScreen

from app.domain.actions import EVERYWHERE, LIST, PLACES, Keymap, sign
from app.tui.lines import Line, line
from app.tui.panel import Panel

COMMANDS = (
    (":", "a place, `theme NAME`, `glyphs NAME`, an action id; tab completes"),
    ("/", "words · key:value · key>0.8 · !not · a | b"),
)


class Help(ModalScreen[None]):
    """What the keys do here; any key that is not an arrow closes it."""

    AUTO_FOCUS = "#keys"

    def __init__(self, keymap: Keymap, scopes: tuple[str, ...], place: str) -> None:
        super().__init__()
        self._keymap, self._scopes, self._place = keymap, scopes, place

    def compose(self) -> ComposeResult:
        """One pane."""
        with Container(id="help"):
            yield Panel("Help", id="keys")

    def on_mount(self) -> None:
        """Fill it."""
        place = next((p for p in PLACES if p.name == self._place), None)
        panel = self.query_one("#keys", Panel)
        panel.head(f"Help · {place.title} · {place.question}" if place else "Help", "esc closes")
        lines: list[Line] = []
        for scope in self._scopes:
            title = {LIST: "in a list", EVERYWHERE: "everywhere"}.get(scope, f"on {scope}")
            lines += [line((title, "head"))]
            for action in self._keymap.here((scope,)):
                keys = " ".join(sign(key) for key in action.keys)
                lines.append(line("  ", (f"{keys:<14}", "key"), f"{action.says:<34}", (action.id, "faint")))
            lines.append(())
        lines.append(line(("command line and filter", "head")))
        lines += [line("  ", (f"{key:<14}", "key"), says) for key, says in COMMANDS]
        panel.show(lines)

    def on_key(self, event: Key) -> None:
        """Scroll, or close."""
        panel = self.query_one("#keys", Panel)
        steps = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": 15, "pageup": -15, "space": 15}
        event.stop()
        if event.key in steps:
            panel.move(steps[event.key])
        elif self.is_current:
            self.dismiss()
