"""The frame of every dialog: facts, perhaps fields, Cancel first; enter never confirms, escape leaves all as it is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.events import Click, Key, Mount
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from app.tui.lines import Line, line, strip_of, wrapped
from app.tui.panel import Bar, Lines, inks_of
from app.tui.text import content

if TYPE_CHECKING:
    from app.tui.app import ControlRoom

LABEL = 16
LATE_S = 0.15
ROOM = 70


class Choice(Widget, can_focus=True):
    """A button of one row, `( Cancel )`; space or enter presses it; the dialog decides what that does."""

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, label: str, *, id: str, awake: bool = True) -> None:
        super().__init__(id=id)
        self.label, self.awake = label, awake
        self.styles.width = len(label) + 4

    def wake(self, awake: bool) -> None:
        """Let it be pressed, or not."""
        if awake != self.awake:
            self.awake = awake
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The button."""
        ink = "here" if self.has_focus else "bold" if self.awake else "dim"
        return strip_of(line((f"( {self.label} )", ink)) if y == 0 else (), self.size.width, inks_of(self))

    def on_key(self, event: Key) -> None:
        """Press it."""
        if event.key in ("enter", "space"):
            event.stop()
            self._press()

    def on_click(self, _event: Click) -> None:
        """Press it."""
        self._press()

    def _press(self) -> None:
        self.post_message(self.Pressed(self))

    def watch_has_focus(self, focused: bool) -> None:
        """Focus is shown by reversing it."""
        super().watch_has_focus(focused)
        self.refresh()


def fact(label: str, value: object, ink: str = "", *, room: int = ROOM - LABEL, most: int = 3) -> list[Line]:
    """A labelled fact, broken over at most `most` lines.

    >>> fact("Undo", "z puts v1 back")[0][0]
    ('Undo            ', 'dim')
    """
    pieces = wrapped(value, room, most) or [""]
    return [line((f"{label if at == 0 else '':<{LABEL}}", "dim"), (piece, ink)) for at, piece in enumerate(pieces)]


class Dialog(ModalScreen[bool]):
    """A question; a subclass gives facts and fields and does the act in `confirm`."""

    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "step(1)", show=False, priority=True),
        Binding("shift+tab", "step(-1)", show=False, priority=True),
    ]

    def __init__(
        self, title: str, lines: Sequence[Line], *, confirm: str, key: str | None = None, production: bool = False
    ) -> None:
        super().__init__()
        self._title, self._lines, self._confirm = title, tuple(lines), confirm
        self._key, self._production = key, production
        self._answered = False

    @property
    def control(self) -> "ControlRoom":
        """The app."""
        return cast("ControlRoom", self.app)

    def fields(self) -> ComposeResult:
        """Inputs between facts and buttons."""
        yield from ()

    def ready(self) -> bool:
        """Whether what is typed lets the act happen."""
        return True

    def hint(self) -> str:
        """Why the confirming button sleeps, or which key confirms."""
        return f"{self._key} does it" if self._key else ""

    def copied(self) -> str:
        """What `y` copies: the same act as a command; nothing when there is none."""
        return ""

    def compose(self) -> ComposeResult:
        """Facts, fields, buttons."""
        with Container(id="dialog") as frame:
            yield Lines(self._lines, id="facts")
            yield from self.fields()
            with Horizontal(classes="buttons"):
                yield Choice("Cancel", id="cancel")
                yield Choice(self._confirm, id="confirm", awake=self.ready())
                yield Bar(id="hint")
        frame.border_title = content(self._title)
        frame.border_subtitle = content("esc leaves everything as it is")
        frame.set_class(self._production, "-production")

    def _on_mount(self, event: Mount) -> None:
        """Say which key confirms."""
        super()._on_mount(event)
        self.set_class(self.control.glyphs.name == "ascii", "-ascii")
        self.review()

    def answer(self, yes: bool) -> None:
        """Leave with an answer, once: a second key that was already on its way does nothing."""
        if not self._answered and self.is_current:
            self._answered = True
            self.dismiss(yes)

    def review(self) -> None:
        """Wake or put to sleep what confirms."""
        self.query_one("#confirm", Choice).wake(self.ready())
        self.query_one("#hint", Bar).show(line((self.hint(), "dim")))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What is typed decides whether the act may happen."""
        event.stop()
        self.review()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next field; after the last one it stays: it never reaches what confirms."""
        event.stop()
        fields = list(self.query(Input))
        at = fields.index(event.input)
        if at + 1 < len(fields):
            fields[at + 1].focus()

    def ring(self) -> list[Widget]:
        """What tab goes through: Cancel, the fields from the top, what confirms."""
        return [self.query_one("#cancel"), *self.query(Input), self.query_one("#confirm")]

    def action_step(self, by: int) -> None:
        """Move the focus at once, so that a key that is already on its way goes to the next field."""
        ring = self.ring()
        at = ring.index(self.focused) + by if self.focused in ring else 0
        self.set_focus(ring[at % len(ring)])

    def on_key(self, event: Key) -> None:
        """Escape leaves; the confirming letter confirms; arrows go through buttons and fields."""
        typing = isinstance(self.focused, Input)
        if event.key == "escape":
            event.stop()
            self.answer(False)
        elif event.key in ("down", "up") or (not typing and event.key in ("left", "right")):
            event.stop()
            self.action_step(1 if event.key in ("down", "right") else -1)
        elif not typing and self._key and event.key == self._key and self.ready():
            event.stop()
            self.answer(True)
        elif not typing and event.key == "y" and self.copied():
            event.stop()
            self.app.copy_to_clipboard(self.copied())
            self.control.say("copied the command")
        elif self.focused is self.query_one("#cancel") and event.is_printable and (fields := list(self.query(Input))):
            event.stop()  # who begins to type at once means the first field: a space later on would press Cancel
            self.set_focus(fields[0])
            fields[0].post_message(Key(event.key, event.character))

    def on_choice_pressed(self, event: Choice.Pressed) -> None:
        """Cancel, or do it when it may be done; else say why not."""
        event.stop()
        if event.choice.id == "cancel":
            self.answer(False)
        else:
            self._do_it()

    def _do_it(self, *, last: bool = False) -> None:
        if self.ready():
            self.answer(True)
        elif last:
            self.app.bell()
        else:  # letters typed before the press may still be on their way to their field
            self.set_timer(LATE_S, lambda: self._do_it(last=True))


class Ask(Dialog):
    """A question that one letter answers: what costs others is confirmed by `y`."""

    def __init__(self, title: str, lines: Sequence[Line], *, confirm: str) -> None:
        super().__init__(title, lines, confirm=confirm, key="y")


class Reasoned(Dialog):
    """A question that wants a reason, and perhaps a name typed in full."""

    def __init__(
        self,
        title: str,
        lines: Sequence[Line],
        *,
        confirm: str,
        name: str = "",
        command: str = "",
        production: bool = False,
    ) -> None:
        super().__init__(title, lines, confirm=confirm, production=production)
        self._name, self._command = name, command
        self.reason = ""

    def fields(self) -> ComposeResult:
        """Reason, and the name to type."""
        with Horizontal(classes="field -short-label"):
            label = Bar(classes="label")
            label.show(line(("Reason", "dim")))
            yield label
            yield Input(id="reason", placeholder="why, in one sentence", max_length=500)
        if self._name:
            with Horizontal(classes="field"):
                label = Bar(classes="label")
                label.show(line(("Type the model name to confirm:", "dim")))
                yield label
                yield Input(id="name", max_length=80)

    def ready(self) -> bool:
        """Both are given."""
        if not self.is_mounted or not self.query("#reason"):
            return False
        self.reason = self.query_one("#reason", Input).value.strip()
        typed = self.query_one("#name", Input).value.strip() if self._name else ""
        return bool(self.reason) and typed == self._name

    def hint(self) -> str:
        """What is missing."""
        if self.ready():
            return "awake: tab to it, then enter"
        return "wakes with the name and a reason" if self._name else "wakes when there is a reason"

    def copied(self) -> str:
        """The same act as a command."""
        return self._command


__all__ = ["Ask", "Choice", "Dialog", "Reasoned", "fact"]
