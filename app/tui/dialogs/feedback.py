"""A retrain by hand, items of feedback, and the next month of the sample year."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.tui.dialogs.dialog import Reasoned, fact
from app.tui.lines import Line

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


def ask_retrain(control: "ControlRoom", project: str, *, because: str | None = None, about: str = "") -> None:
    """Ask why, then for a retrain by the policy's rules; `because` is the item that it answers."""
    command = f"trainmaster feedback retrain --project {project} --reason REASON"
    command += f" --because {because}" if because else ""
    lines: list[Line] = [*fact("Project", project), *(fact("Because", about) if about else [])]
    lines += fact("What changes", "a challenger is trained and judged; production stays until it is promoted")
    lines += fact("Who is told", "the decisions and the audit log")
    lines += fact("Same as", command, "dim")
    dialog = Reasoned("Retrain", lines, confirm="Retrain", command=command)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            control.start_act(
                retrain(control, project, dialog.reason, because), done=f"retrain of {project} requested; 3 shows it"
            )

    control.push_screen(dialog, done)


def ask_resolve(control: "ControlRoom", items: Sequence[str], about: str) -> None:
    """Ask for the answer to an item, or to several at once."""
    command = f"trainmaster feedback resolve {items[0]} ANSWER"
    lines = [*fact("Item" if len(items) == 1 else f"{len(items)} items", about)]
    lines += [*fact("Who is told", "the audit log"), *fact("Same as", command, "dim")]
    title = f"Resolve item {items[0]}" if len(items) == 1 else f"Resolve {len(items)} items with one answer"
    dialog = Reasoned(title, lines, confirm="Resolve", command=command)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            control.start_act(_resolve(control, items, dialog.reason), done=f"{_named(items)} resolved")

    control.push_screen(dialog, done)


def take_on(control: "ControlRoom", items: Sequence[str]) -> None:
    """Acknowledge items; it costs nobody anything, so nothing is asked."""

    def work() -> None:
        from app.services import feedback
        from app.services.workspaces import actor

        for item in items:
            feedback.acknowledge_item(control.acts.open_store(), item, by=actor())

    control.start_act(work, done=f"{_named(items)} yours")


def _named(items: Sequence[str]) -> str:
    return f"item {items[0]} is" if len(items) == 1 else f"{len(items)} items are"


def next_month(control: "ControlRoom", project: str) -> None:
    """Let the next month of the sample year arrive."""

    def work() -> None:
        from app.services import replay

        replay.next_month(control.workspace, project)

    control.start_act(work, done="the next month has arrived; the services follow it")


def retrain(control: "ControlRoom", project: str, reason: str, because: str | None) -> Callable[[], None]:
    """The act of a retrain by hand."""

    def work() -> None:
        from app.services import feedback
        from app.services.workspaces import actor

        feedback.ask_retrain(
            control.acts.open_store(), control.workspace, project, by=actor(), reason=reason, because=because
        )

    return work


def _resolve(control: "ControlRoom", items: Sequence[str], answer: str) -> Callable[[], None]:
    def work() -> None:
        from app.services import feedback
        from app.services.workspaces import actor

        for item in items:
            feedback.resolve_item(control.acts.open_store(), item, by=actor(), answer=answer)

    return work


__all__ = ["ask_resolve", "ask_retrain", "next_month", "retrain", "take_on"]
