"""What the tabs of the Registry say of a version: gates, people, ledger, numbers, lineage, changes."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from app.store.queries.aliases import MoveRow
from app.store.queries.evaluation import EvaluationRow
from app.store.queries.lineage import Graph
from app.store.queries.registry import GateRow, TransitionRow, VersionRow
from app.store.queries.verdicts import SayRow
from app.tui import comparison, judgement, words
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line

if TYPE_CHECKING:
    from app.services.registry.differing import Difference


def gates(found: Sequence[GateRow], people: Sequence[SayRow], glyphs: Glyphs) -> list[Line]:
    """Each gate with value, limit, interval and how often it was judged; below it a waiver, then the approvals."""
    if not found:
        return [line(("No gate was judged yet. ", ""), ("t", "key"), (" tests them", "dim"))]
    lines = []
    for gate in found:
        sign, ink = (glyphs.ok, "ok") if gate.passed else (glyphs.alert, "warn") if gate.waived else (glyphs.bad, "bad")
        between = f"{words.number(gate.low)} to {words.number(gate.high)}" if gate.low is not None else "–"
        tries = f" try {gate.attempt}" if gate.attempt is not None else ""
        lines.append(
            line(
                (f"{sign} ", ink),
                (fit(gate.gate, 12), ""),
                (f"{words.number(gate.value):>8} ", "bold"),
                (f"limit {words.number(gate.limit_value):<7} ", "dim"),
                (f"{between:<17} ", "dim"),
                (f"×{gate.attempts}{tries} ", "faint"),
                (gate.says, "dim"),
            )
        )
        if gate.waived:
            lines.append(line((f"{'':<14} waived by {gate.waived}", "warn")))
    said = (
        line((f"{glyphs.ok} ", "ok"), (fit("approved", 12), ""), f"{one.actor}  ", (one.reason, "dim"))
        for one in people
    )
    return [*lines, *said]


def evidence(found: Sequence[GateRow], now: datetime) -> list[Line]:
    """What each verdict rests on, against whom it was judged, and when."""
    return [
        line(
            (fit(gate.gate, 14), ""),
            (f"{gate.evidence[:30] or '–':<31}", "accent"),
            (f"{f'against {gate.against}' if gate.against else '':<26}", "dim"),
            (words.ago(gate.evaluated_at, now) + " ago", "faint"),
        )
        for gate in found
    ] or [line(("nothing was judged", "dim"))]


def ledger(moves: Sequence[MoveRow], transitions: Sequence[TransitionRow], glyphs: Glyphs, now: datetime) -> list[Line]:
    """Where aliases moved, then the stages, newest first."""
    lines = [
        line(
            (f"{words.start(one.created_at, now):<12} ", "dim"),
            (f"{one.actor:<10} ", ""),
            (f"@{one.alias} ", "accent"),
            f"{f'v{one.before}' if one.before else '–'} {glyphs.arrow} {f'v{one.after}' if one.after else '–'}  ",
            (one.reason, "dim"),
        )
        for one in moves
    ]
    lines += [
        line(
            (f"{words.start(t.created_at, now):<12} ", "dim"),
            (f"{t.actor:<10} ", ""),
            (f"v{t.version} ", "bold"),
            f"{t.from_stage} {glyphs.arrow} {t.to_stage}  ",
            ("undo  " if t.undoes_id else "", "warn"),
            (t.reason, "dim"),
        )
        for t in transitions
    ]
    return lines or [line(("Nothing was promoted yet. ", ""), ("p", "key"), (" promotes", "dim"))]


def changes(found: "Difference | None", *, serves: bool) -> list[Line]:
    """What is different from the version in production."""
    if found is None:
        return [line(("it is in production" if serves else "nothing is in production to compare with", "dim"))]
    head = line((f"{'':<34}{f'v{found.before}':>24}{f'v{found.after}':>24}", "head"))
    rows = (
        line(
            (fit(f"{one.part} {one.name}", 34), "dim"),
            (f"{(one.before or '–')[:23]:>24}", ""),
            (f"{(one.after or '–')[:23]:>24}", "bold"),
        )
        for one in found.changes
    )
    return [head, *rows]


def numbers(version: VersionRow, rival: str, judged: EvaluationRow | None) -> list[Line]:
    """Each metric with its interval, next to that of the version in production then, judged on the same rows."""
    bounds = (".low", ".high")
    own = {
        key: value
        for key, value in version.metrics.items()
        if not key.startswith(comparison.RIVAL) and not key.endswith(bounds)
    }
    compared = any(key.startswith(comparison.RIVAL) for key in version.metrics)
    lines = [
        line(
            (fit("", 34), ""),
            (f"{f'v{version.version}':>9}", "head"),
            (f"{rival if compared else '':>15}", "head"),
            ("  on the same rows" if compared else "", "dim"),
        )
    ]
    for key, value in own.items():
        before = comparison.of_rival(version.metrics, key)
        delta, ink = comparison.change(key, value, before) if before is not None else ("", "")
        lines.append(
            line(
                (fit(key.removeprefix("slice."), 34), "dim" if key.startswith("slice.") else ""),
                (f"{words.number(value, 4):>9}", "bold"),
                (f"{words.number(before, 4) if before is not None else '':>15}", "dim"),
                (f"{delta:>9}", ink),
                (judgement.bounds(version.metrics, key), "dim"),
            )
        )
    reasons = judged.unknown.items() if judged is not None else ()
    return lines + [line((fit(name.removeprefix("slice."), 34), "dim"), (f" {why}", "warn")) for name, why in reasons]


def lineage(graph: Graph | None) -> list[Line]:
    """What it came from and what came from it."""
    if graph is None:
        return [line(("reading …", "dim"))]
    lines = []
    for node, depth in sorted(graph.nodes.items(), key=lambda item: (item[1], item[0])):
        why = ", ".join(
            sorted({edge.kind for edge in graph.edges if node in (edge.target if depth > 0 else edge.source,)})
        )
        lines.append(
            line(
                (f"{depth:+3d}  " if depth else "  0  ", "faint"),
                (fit(node, 46), "bold" if depth == 0 else ""),
                (why, "dim"),
            )
        )
    return lines
