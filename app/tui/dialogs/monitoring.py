"""Acknowledging or resolving an alert, and editing a limit while its back-test stands beside it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from app.domain.thresholds import tried
from app.tui import words
from app.tui.dialogs.dialog import Dialog, Reasoned, fact
from app.tui.lines import Line, line
from app.tui.panel import Bar

if TYPE_CHECKING:
    from app.store.queries.monitoring import SignalPoint, SignalRow
    from app.tui.app import ControlRoom


async def ask_acknowledge(control: "ControlRoom", alert: str, says: str, *, others: Sequence[str] = ()) -> None:
    """Ask why the alert, and `others` of its group, are known; they stay quiet for a day."""
    named = f"{1 + len(others)} alerts" if others else f"alert {alert}"
    command = f"trainmaster alerts ack {alert} --reason REASON"
    lines: list[Line] = []
    lines += fact("Alert", says)
    lines += fact("What changes", "it starts no retrain for 24 h, and stays until its signal is back")
    lines += fact("Who is told", "the audit log")
    lines += fact("Same as", f"{command}, and so for each of the group" if others else command, "dim")
    dialog = Reasoned(f"Acknowledge {named}", lines, confirm="Acknowledge", command=command)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = control.acts.acknowledge((alert, *others), reason=dialog.reason)
            control.start_act(work, done=f"{named} acknowledged for 24 h")

    control.push_screen(dialog, done)


async def ask_resolve(control: "ControlRoom", alert: str, says: str) -> None:
    """Ask why the alert is over."""
    command = f"trainmaster alerts resolve {alert} --reason REASON"
    lines: list[Line] = []
    lines += fact("Alert", says)
    lines += fact("What changes", "it is over; a new one opens if its signal is past its limit at the next look")
    lines += fact("Who is told", "the audit log")
    lines += fact("Undo", "none; the next look opens it again when it must")
    lines += fact("Same as", command, "dim")
    dialog = Reasoned(f"Resolve alert {alert}", lines, confirm="Resolve", command=command)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            control.start_act(
                control.acts.resolve_alert(alert, reason=dialog.reason), done=f"alert {alert} is resolved"
            )

    control.push_screen(dialog, done)


async def ask_limit(control: "ControlRoom", project: str, signal: "SignalRow", points: "Sequence[SignalPoint]") -> None:
    """Ask for a limit; how many alerts it would have given is said while it is typed."""
    dialog = LimitDialog(project, signal, points)

    def done(confirmed: bool | None) -> None:
        if confirmed and dialog.limit is not None:
            work = control.acts.set_limit(project, signal.name, dialog.limit, reason=dialog.reason)
            control.start_act(work, done=f"{signal.name} is held to {dialog.limit:g} from the next report on")

    control.push_screen(dialog, done)


class LimitDialog(Dialog):
    """A limit and a reason; below them what the limit would have done over the stored windows, as it is typed."""

    def __init__(self, project: str, signal: "SignalRow", points: "Sequence[SignalPoint]") -> None:
        self._signal, self._values = signal, [point.value for point in points]
        now = signal.limit_value
        known = [value for value in self._values if math.isfinite(value)]
        told = self._told(now) if now is not None else "no limit: it never alarms"
        extent = f"{words.number(min(known))} to {words.number(max(known))}" if known else "no value yet"
        lines: list[Line] = []
        lines += fact("Signal", f"{signal.name}, better {signal.direction}, now {words.number(signal.value)}")
        lines += fact("So far", f"{extent} over {len(known)} windows")
        lines += fact("Limit now", f"{words.number(now)}: {told}")
        lines += fact("What changes", f"[monitoring] of projects/{project}/project.toml, from the next report on")
        lines += fact("Undo", "e again with the old limit")
        lines += fact("Same as", f"trainmaster monitor limit {signal.name} LIMIT --reason REASON", "dim")
        super().__init__(f"Limit of {signal.name}", lines, confirm="Set limit")
        self.limit: float | None = None
        self.reason = ""

    def fields(self) -> ComposeResult:
        """The limit, the back-test, the reason."""
        for name, label, hint in (("limit", "Limit", "a number"), ("reason", "Reason", "why, in one sentence")):
            with Horizontal(classes="field -short-label"):
                bar = Bar(classes="label")
                bar.show(line((label, "dim")))
                yield bar
                shown = self._signal.limit_value
                start = f"{shown:.4g}" if name == "limit" and shown is not None else ""
                yield Input(value=start, id=name, placeholder=hint, max_length=200)
        yield Bar(id="tried")

    def ready(self) -> bool:
        """A number and a reason are given."""
        if not self.is_mounted or not self.query("#reason"):
            return False
        typed = self.query_one("#limit", Input).value.strip().replace(",", ".")
        try:
            number = float(typed)
        except ValueError:
            number = math.nan
        self.limit = number if math.isfinite(number) else None
        self.reason = self.query_one("#reason", Input).value.strip()
        return self.limit is not None and bool(self.reason)

    def review(self) -> None:
        """Say what the limit would have done."""
        super().review()
        if self.query("#tried"):
            says = self._told(self.limit) if self.limit is not None else "type a number"
            self.query_one("#tried", Bar).show(line((f"{'Back-test':<16}", "dim"), (says, "bold")))

    def hint(self) -> str:
        """What is missing."""
        return "awake: tab to it, then enter" if self.ready() else "wakes with a number and a reason"

    def copied(self) -> str:
        """The same act as a command."""
        limit = f"{self.limit:g}" if self.limit is not None else "LIMIT"
        return f"trainmaster monitor limit {self._signal.name} {limit} --reason REASON"

    def _told(self, limit: float) -> str:
        return tried(self._values, limit, higher_is_better=self._signal.direction == "higher").says


__all__ = ["LimitDialog", "ask_acknowledge", "ask_limit", "ask_resolve"]
