"""The questions of the data tabs: a few fields to fill in, facts above them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from app.tui.dialogs.dialog import Dialog
from app.tui.lines import Line, line
from app.tui.panel import Bar

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


class Form(Dialog):
    """A question with fields; what confirms wakes when all that are needed are filled in."""

    def __init__(
        self,
        title: str,
        lines: Sequence[Line],
        *,
        confirm: str,
        fields: Sequence[tuple[str, str, bool]],
        command: str = "",
    ) -> None:
        super().__init__(title, lines, confirm=confirm)
        self._wanted, self._command = tuple(fields), command
        self.values: dict[str, str] = {}

    def fields(self) -> ComposeResult:
        """One row a field: its name, and what to write."""
        for name, placeholder, _ in self._wanted:
            with Horizontal(classes="field -short-label"):
                label = Bar(classes="label")
                label.show(line((name, "dim")))
                yield label
                yield Input(id=f"field-{name.lower()}", placeholder=placeholder, max_length=1000)

    def ready(self) -> bool:
        """Whether all that are needed are filled in."""
        if not self.is_mounted or not self.query(Input):
            return False
        self.values = {name: self.query_one(f"#field-{name.lower()}", Input).value.strip() for name, *_ in self._wanted}
        return all(self.values[name] for name, _, needed in self._wanted if needed)

    def hint(self) -> str:
        """What is missing."""
        return "awake: tab to it, then enter" if self.ready() else "wakes when it is filled in"

    def copied(self) -> str:
        """The same act as a command."""
        return self._command


def ask(control: "ControlRoom", form: Form, work: Callable[[Mapping[str, str]], Callable[[], str]]) -> None:
    """Show a form; when it is confirmed, do the act in a thread and say what it says."""

    def done(confirmed: bool | None) -> None:
        if not confirmed:
            return

        async def act() -> None:
            said = await control.act(work(form.values))
            if said is not None:
                control.say(said)

        control.run_worker(act(), group="acts", exit_on_error=False)

    control.push_screen(form, done)
