"""Acknowledging an alert, with a reason."""

from typing import TYPE_CHECKING

from app.tui.dialogs.dialog import Reasoned, fact
from app.tui.lines import Line

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


async def ask_acknowledge(control: "ControlRoom", alert: str, says: str) -> None:
    """Ask why the alert is known; it stays quiet for a day."""
    lines: list[Line] = []
    lines += fact("Alert", says)
    lines += fact("What changes", "it starts no retrain for 24 h, and stays until its signal is back")
    lines += fact("Who is told", "the audit log")
    lines += fact("Same as", f"trainmaster alerts ack {alert} --reason REASON", "dim")
    dialog = Reasoned(
        f"Acknowledge alert {alert}",
        lines,
        confirm="Acknowledge",
        command=f"trainmaster alerts ack {alert} --reason REASON",
    )

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = control.acts.acknowledge(alert, reason=dialog.reason)
            control.start_act(work, done=f"alert {alert} acknowledged for 24 h")

    control.push_screen(dialog, done)
