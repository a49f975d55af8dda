"""What needs a person: its row, what enter opens, what `r` runs; and the rows of the activity."""

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.tui import words
from app.tui.glyphs import Glyphs
from app.tui.grid import Row

if TYPE_CHECKING:
    from app.store.queries.audit import EventRow
    from app.store.queries.overview import Need
    from app.tui.app import ControlRoom

STEPS = {
    "alert": "r retrain  a ack",
    "version": "p promote",
    "run": "l logs  r run again",
    "quarantine": "↵ open data",
    "service": "r start services",
    "feedback": "a take  x resolve",
    "decision": "r start services",
    "loop": "R retrain by hand",
}


def id_of(need: "Need") -> Hashable:
    """What tells one need from another."""
    return (need.kind, need.project, need.group or need.key)


def by_severity(found: "Sequence[Need]") -> "tuple[Need, ...]":
    """Critical ones first, the newest first among each."""
    newest = sorted(found, key=lambda need: need.since, reverse=True)
    return tuple(sorted(newest, key=lambda need: need.severity != "critical"))


def row(need: "Need", now: datetime, glyphs: Glyphs) -> Row:
    """A row: how bad, what, since when, and the keys of the next step."""
    critical = need.severity == "critical"
    sign = glyphs.alert * 2 if critical else glyphs.alert
    ink = "accent" if need.kind == "version" else "bad" if critical else "warn"
    step = STEPS.get(need.kind, need.next_step).replace("↵", glyphs.enter)
    return Row(id_of(need), ((sign, ink), (need.what, ""), (words.ago(need.since, now), "dim"), (step, "dim")))


def event_row(event: "EventRow") -> Row:
    """A row of the activity."""
    undo = "z undoes" if event.action == "model.promoted" else "–"
    return Row(
        event.seq,
        (
            (words.clock(event.at), "dim"),
            (event.actor, ""),
            (event.action.replace(".", " ").replace("_", " "), ""),
            (event.subject, "bold"),
            (event.reason, "dim"),
            (undo, "dim" if undo == "–" else "accent"),
        ),
    )


def open_need(control: "ControlRoom", need: "Need") -> None:
    """Go to where the need is met."""
    if need.kind == "run":
        open_subject(control, f"run:{need.key}")
    else:
        places = {
            "feedback": "monitoring",
            "decision": "monitoring",
            "loop": "monitoring",
            "alert": "monitoring",
            "version": "registry",
            "quarantine": "data",
            "service": "infrastructure",
        }
        control.go(places.get(need.kind, "runs"))


def open_subject(control: "ControlRoom", subject: str) -> None:
    """Go to the thing that an event was about."""
    kind, _, key = subject.partition(":")
    if kind == "run":
        from app.tui.screens.run import RunScreen

        control.push_screen(RunScreen(key))
        return
    places = {
        "model": "registry",
        "deployment": "registry",
        "alert": "monitoring",
        "report": "monitoring",
        "decision": "monitoring",
        "feedback": "monitoring",
        "snapshot": "data",
        "source": "data",
        "features": "data",
        "service": "infrastructure",
    }
    control.go(places.get(kind, "runs"))


def run_need(control: "ControlRoom", need: "Need") -> None:
    """Start what the need asks for."""
    match need.kind:
        case "run":
            control.start_act(control.acts.again(need.key), done="requested the same run again")
        case "alert" | "feedback" | "loop":
            from app.tui.dialogs.feedback import ask_retrain

            if not need.project:
                control.say(f"no model is behind this: {need.next_step}")
                return
            because = need.key if need.kind == "feedback" and not need.others else None
            ask_retrain(control, need.project, because=because, about=need.what)
        case "service" | "decision":
            control.start_act(control.acts.up, doing="starting the services")
        case "quarantine":
            control.go("data")
        case _:
            control.say(f"next: {need.next_step}")
