"""The prompt row: `:` commands with completion, `/` filters that work while they are typed."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import Key
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input

from app.tui.lines import line
from app.tui.panel import Bar


class Prompt(Horizontal):
    """One row: the sign of the mode and an input; enter gives the value, escape gives None."""

    class Done(Message):
        """The prompt was left; `value` is None when it was cancelled."""

        def __init__(self, mode: str, value: str | None) -> None:
            super().__init__()
            self.mode, self.value = mode, value

    class Typing(Message):
        """The value changes."""

        def __init__(self, mode: str, value: str) -> None:
            super().__init__()
            self.mode, self.value = mode, value

    def __init__(self, mode: str, value: str, choices: Sequence[str]) -> None:
        super().__init__()
        self._mode, self._value, self._choices = mode, value, list(choices)

    def compose(self) -> ComposeResult:
        """Sign and input."""
        yield Bar(id="mode")
        suggester = SuggestFromList(self._choices, case_sensitive=False) if self._choices else None
        yield Input(self._value, id="entry", suggester=suggester, select_on_focus=False, max_length=400)

    def on_mount(self) -> None:
        """Take the focus."""
        self.query_one("#mode", Bar).show(line(" ", (self._mode, "key")))
        self.query_one(Input).focus()

    def on_key(self, event: Key) -> None:
        """Escape leaves, tab completes."""
        if event.key == "escape":
            event.stop()
            self.post_message(self.Done(self._mode, None))
        elif event.key == "tab":
            event.stop()
            event.prevent_default()
            entry = self.query_one(Input)
            fitting = [choice for choice in self._choices if choice.startswith(entry.value)]
            if fitting:
                entry.value = fitting[0]
                entry.cursor_position = len(entry.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what is typed."""
        event.stop()
        self.post_message(self.Typing(self._mode, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Tell what was typed."""
        event.stop()
        self.post_message(self.Done(self._mode, event.value))
