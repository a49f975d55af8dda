"""Promotion and its undo: production is confirmed by typing the model's name and giving a reason."""

import asyncio
from typing import TYPE_CHECKING, Any

from app.tui import words
from app.tui.dialogs.dialog import Ask, Reasoned, fact
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, line

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


async def ask_promote(control: "ControlRoom", model: str, version: int) -> None:
    """Show the plan of a promotion; a refused one says why and what to do."""
    try:
        plan = await asyncio.to_thread(control.acts.plan, model, version)
    except Exception as error:  # the plan cannot be made: say so
        control.complain(error)
        return
    lines = plan_lines(plan, control.glyphs, control.environment)
    if not plan.allowed:
        dialog: Ask | Reasoned = Ask(f"{model} v{version} cannot be promoted", lines, confirm="Understood")
        control.push_screen(dialog)
        return
    dialog = Reasoned(
        f"Promote {model} v{version} → production",
        lines,
        confirm="Promote",
        name=model,
        command=plan.command,
        production=control.environment.lower() in ("prod", "production"),
    )

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = control.acts.promote(model, version, reason=dialog.reason, typed_name=model)
            control.start_act(work, done=f"deploying {model} v{version}; z undoes it once it serves")

    control.push_screen(dialog, done)


def plan_lines(plan: Any, glyphs: Glyphs, environment: str) -> list[Line]:
    """What changes, the numbers, gates, alerts, undo, and the same act as a command."""
    lines: list[Line] = []
    for at, change in enumerate(plan.changes):
        lines += fact("What changes" if at == 0 else "", change)
    lines += fact("Environment", environment.upper(), "bold")
    lines += fact("Who is told", "the audit log; everybody who looks at this screen")
    lines += fact("Undo", plan.undo.replace("trainmaster models rollback", "z, or trainmaster models rollback"))
    lines.append(())
    shown = sorted(name for name in plan.metrics if "." not in name)
    for at, name in enumerate(shown[:3]):
        now, before = plan.metrics[name], plan.production_metrics.get(name)
        delta = f"  champion {words.number(before)}  {words.signed(now - before)}" if before is not None else ""
        lines += fact("Metrics" if at == 0 else "", f"{name:<10} {words.number(now)}{delta}")
    passed = sum(1 for gate in plan.gates if gate.passed)
    ink = "ok" if plan.gates and passed == len(plan.gates) else "bad"
    sign = glyphs.ok if ink == "ok" else glyphs.bad
    lines += fact("Gates", f"{sign} {passed} of {len(plan.gates)} pass", ink)
    for gate in plan.gates:
        if not gate.passed:
            lines += fact("", f"{glyphs.bad} {gate.gate}: {gate.says}", "bad", most=2)
    for at, alert in enumerate(plan.open_alerts[:3]):
        lines += fact(
            "Open alerts" if at == 0 else "", f"{glyphs.alert} {alert.signal} (does not block)", "warn", most=1
        )
    if not plan.open_alerts:
        lines += fact("Open alerts", "none", "dim")
    for at, note in enumerate(plan.notes[:3]):
        lines += fact("Note" if at == 0 else "", note, "dim", most=2)
    for at, refusal in enumerate(plan.refusals[:4]):
        lines += fact("Refused" if at == 0 else "", refusal, "bad")
    lines.append(())
    lines += fact("Same as", plan.command, "dim", most=2)
    lines.append(line(("                y copies it", "faint")))
    return lines


async def ask_undo(control: "ControlRoom") -> None:
    """Ask whether the last change of production is to be taken back."""
    from app.store.queries.registry import models, transitions_of

    def last() -> Any:
        reader = control.acts.open_store().reader
        found = [t for m in models(reader) for t in transitions_of(reader, m.name, limit=20)]
        found = [t for t in found if t.to_stage == "production"]
        return max(found, key=lambda transition: transition.id, default=None)

    try:
        change = await asyncio.to_thread(last)
    except Exception as error:  # nothing to undo while the store cannot be read
        control.complain(error)
        return
    if change is None:
        control.say("There is nothing to undo: no version was ever promoted.")
        return
    lines: list[Line] = []
    lines += fact("What changes", f"production of {change.model}: v{change.version} → the version before it")
    lines += fact("It was", f"promoted by {change.actor} {words.ago(change.created_at, control.clock())} ago")
    lines += fact("Because", change.reason or "–")
    lines += fact("Undo", "z again takes the undo back")
    lines += fact("Same as", f"trainmaster models rollback {change.model} --reason REASON", "dim")

    def done(confirmed: bool | None) -> None:
        if confirmed:
            model = change.model
            control.start_act(
                control.acts.undo(model),
                doing="putting the version before back",
                done="undone; the version before serves again",
            )

    control.push_screen(Ask(f"Undo the promotion of {change.model} v{change.version}", lines, confirm="Undo"), done)
