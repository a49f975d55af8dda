"""Promotion and its undo: production is confirmed by typing the model's name and giving a reason."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.tui import comparison, words
from app.tui.dialogs.dialog import LABEL, Ask, Reasoned, fact
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, line
from app.tui.panel import Lines
from app.tui.text import content

if TYPE_CHECKING:
    from app.services.registry import PromotionPlan
    from app.tui.app import ControlRoom


class Promotion(Reasoned):
    """The promotion dialog: it opens at once, and what changes follows when the plan is made."""

    def __init__(self, model: str, version: int, *, environment: str) -> None:
        super().__init__(
            f"Promote {model} v{version} → production",
            [line(("reading gates, numbers and alerts …", "dim"))],
            confirm="Promote",
            name=model,
            production=environment.lower() in ("prod", "production"),
        )
        self._model, self._version, self._environment = model, version, environment
        self.plan: PromotionPlan | None = None

    def on_mount(self) -> None:
        """Make the plan in a thread."""
        self.run_worker(self._make_plan(), group="plan", exit_on_error=False)

    async def _make_plan(self) -> None:
        try:
            plan = await asyncio.to_thread(self.control.acts.plan, self._model, self._version)
        except Exception as error:  # the plan cannot be made: say so, change nothing
            self.control.complain(error)
            if self.is_mounted:
                self.answer(False)
            return
        if not self.is_mounted:
            return
        self.plan, self._command = plan, plan.command
        self.query_one("#facts", Lines).show(plan_lines(plan, self.control.glyphs, self._environment))
        if not plan.allowed:
            title = f"{self._model} v{self._version} cannot be promoted"
            self.query_one("#dialog").border_title = content(title)
        self.review()

    def ready(self) -> bool:
        """Name, reason, and a plan that the rules allow."""
        return super().ready() and self.plan is not None and self.plan.allowed

    def hint(self) -> str:
        """Why it sleeps."""
        return "the rules say no" if self.plan is not None and not self.plan.allowed else super().hint()


async def ask_promote(control: "ControlRoom", model: str, version: int) -> None:
    """Open the promotion dialog; a refused one says why and what to do."""
    dialog = Promotion(model, version, environment=control.environment)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = control.acts.promote(model, version, reason=dialog.reason, typed_name=model)
            control.start_act(work, done=f"deploying {model} v{version}; z undoes it once it serves")

    control.push_screen(dialog, done)


def plan_lines(plan: "PromotionPlan", glyphs: Glyphs, environment: str) -> list[Line]:
    """What changes, the numbers, gates, alerts, undo, and the same act as a command."""
    lines: list[Line] = []
    for at, change in enumerate(plan.changes):
        lines += fact("What changes" if at == 0 else "", change)
    lines += fact("Environment", environment.upper(), "bold")
    lines += fact("Who is told", "the audit log; everybody who looks at this screen")
    lines += fact("Undo", plan.undo.replace("trainmaster models rollback", "z, or trainmaster models rollback"))
    lines.append(())
    lines += _metrics(plan)
    passed = sum(1 for gate in plan.gates if gate.holds)
    ink = "ok" if plan.gates and passed == len(plan.gates) else "bad"
    sign = glyphs.ok if ink == "ok" else glyphs.bad
    tries = f", challenger {plan.attempt} since the last promotion" if plan.attempt else ""
    lines += fact("Gates", f"{sign} {passed} of {len(plan.gates)} hold{tries}", ink)
    for gate in plan.gates:
        if gate.waived:
            lines += fact("", f"{glyphs.alert} {gate.gate} waived by {gate.waived}", "warn", most=2)
        elif not gate.passed:
            lines += fact("", f"{glyphs.bad} {gate.gate}: {gate.says}", "bad", most=2)
    lines += fact("Approvals", plan.approvals or "none asked for", "" if plan.approvals else "dim", most=2)
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


def _metrics(plan: "PromotionPlan") -> list[Line]:
    """The version and the one in production, both on the version's test rows."""
    shown = sorted(name for name in plan.metrics if "." not in name)[:3]
    compared = any(name in plan.production_metrics for name in shown)
    rival = comparison.rival_of(plan.gates, plan.replaces) if compared else ""
    where = "on the same rows" if compared else "on its test rows"
    lines: list[Line] = []
    if shown:
        lines.append(line((f"{'Metrics':<{LABEL}}", "dim"), (f"{where:<20}{f'v{plan.version}':>7}{rival:>16}", "dim")))
    for name in shown:
        value, before = plan.metrics[name], plan.production_metrics.get(name)
        text = f"{'':<{LABEL}}{name:<20}{words.number(value):>7}"
        if before is None:
            lines.append(line(text))
            continue
        sign, ink = comparison.change(name, value, before)
        lines.append(line(text, (f"{words.number(before):>16}", "dim"), (f"{sign:>9}", ink)))
    return lines


async def ask_approve(control: "ControlRoom", model: str, version: int, says: Sequence[str]) -> None:
    """Ask for a person's yes to a version, with what convinced them."""
    command = f"trainmaster models approve {model} {version} --reason REASON"
    lines: list[Line] = []
    lines += fact("What changes", "you stand for this version; it cannot be taken back")
    for at, one in enumerate(says or ("the charter asks for none; it is kept all the same",)):
        lines += fact("Approvals" if at == 0 else "", one)
    lines += fact("Who is told", "the audit log; everybody who looks at this screen")
    lines += fact("Same as", command, "dim")
    dialog = Reasoned(f"Approve {model} v{version}", lines, confirm="Approve", command=command)

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = control.acts.approve(model, version, reason=dialog.reason)
            control.start_act(work, done=f"{model} v{version} is approved by you")

    control.push_screen(dialog, done)


async def ask_undo(control: "ControlRoom", *, redo: bool = False) -> None:
    """Ask whether the last change of production is to be taken back; `redo` takes an undo back and nothing else."""
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
    if redo and change.undoes_id is None:
        control.say("There is nothing to redo: the last change of production was no undo.")
        return
    lines: list[Line] = []
    lines += fact("What changes", f"production of {change.model}: v{change.version} → the version before it")
    lines += fact("It was", f"promoted by {change.actor} {words.ago(change.created_at, control.clock())} ago")
    lines += fact("Because", change.reason or "–")
    lines += fact("Undo", "z again takes the undo back")
    lines += fact(
        "Same as", f"trainmaster models rollback {change.model} --reason REASON --confirm {change.model}", "dim"
    )

    def done(confirmed: bool | None) -> None:
        if confirmed:
            model = change.model
            control.start_act(
                control.acts.undo(model),
                doing="putting the version before back",
                done="undone; the version before serves again",
            )

    control.push_screen(Ask(f"Undo the promotion of {change.model} v{change.version}", lines, confirm="Undo"), done)
