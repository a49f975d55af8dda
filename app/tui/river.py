"""The river: data > features > runs > candidates > champion > serving > drift, in seven boxes or one line."""

from datetime import datetime
from typing import TYPE_CHECKING

from app.tui import words
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, Span, clip, line, width_of

if TYPE_CHECKING:
    from app.store.queries.overview import River
    from app.store.queries.registry import VersionRow

NARROW = ("data", "feat", "runs", "cand", "champ", "serve", "drift")
SIGNS = "●▲✓✗*!+x"
Box = tuple[str, tuple[Span, ...], tuple[Span, ...]]


def lines(
    river: "River", champion: "VersionRow | None", metric: str, now: datetime, glyphs: Glyphs, width: int
) -> list[Line]:
    """Four lines of boxes, or one line of counts below 100 columns."""
    boxes = _boxes(river, champion, metric, now, glyphs)
    if width < 100:
        spans: list[Span] = [(" ", "")]
        for at, (name, (_, first, _)) in enumerate(zip(NARROW, boxes, strict=True)):
            spans += [(f" {glyphs.arrow} ", "faint")] if at else []
            text, ink = first[0]
            spans += [(name + " ", "dim"), (" ".join(text.split(" ")[: 2 if text[:1] in SIGNS else 1]), ink)]
        return [tuple(spans)]
    wide = (width - 2 - 6) // 7
    corner = ("+", "-", "+", "|", "+", "+") if glyphs.name == "ascii" else ("┌", "─", "┐", "│", "└", "┘")
    top: list[Span] = [(" ", "")]
    rows: list[list[Span]] = [[(" ", "")], [(" ", "")]]
    bottom: list[Span] = [(" ", "")]
    for at, (title, *texts) in enumerate(boxes):
        gap: Span = (" ", "")
        if at:
            top.append(gap)
            bottom.append(gap)
            rows[0].append((glyphs.arrow, "accent"))
            rows[1].append(gap)
        head = f"{corner[1]} {title} "
        top += [(corner[0] + corner[1] + " ", "faint"), (title, "head")]
        top.append((" " + corner[1] * (wide - len(head) - 2) + corner[2], "faint"))
        bottom.append((corner[4] + corner[1] * (wide - 2) + corner[5], "faint"))
        for number, words_in in enumerate(texts):
            inside = clip(words_in, wide - 4)
            pad = " " * (wide - 4 - width_of(inside))
            rows[number] += [(corner[3] + " ", "faint"), *inside, (pad + " ", ""), (corner[3], "faint")]
    return [tuple(top), tuple(rows[0]), tuple(rows[1]), tuple(bottom)]


def _boxes(river: "River", champion: "VersionRow | None", metric: str, now: datetime, glyphs: Glyphs) -> list[Box]:
    has_features = river.features_version is not None
    metric_text = f"{metric} {words.number(champion.metrics.get(metric))}" if champion else "none yet"
    breached = river.signals_breached
    failed: Span = (f"{glyphs.bad} {river.runs_failed}", "bad" if river.runs_failed else "dim")
    quarantined: Span = (f"{_short(river.quarantined_open)} held", "warn" if river.quarantined_open else "dim")
    return [
        ("Data", line(f"{river.sources} source{'' if river.sources == 1 else 's'}"), (quarantined,)),
        (
            "Features",
            line(f"v{river.features_version}" if has_features else "none yet"),
            line((f"fresh {words.ago(river.features_at, now)}" if has_features else "r builds", "dim")),
        ),
        (
            "Runs",
            ((f"{glyphs.live} {river.runs_running}", "accent" if river.runs_running else "dim"), ("  ", ""), failed),
            line((f"{river.runs_total:,} runs", "dim")),
        ),
        (
            "Candidates",
            line(
                (
                    f"{river.candidates} wait{'s' if river.candidates == 1 else ''}",
                    "accent" if river.candidates else "dim",
                )
            ),
            line(("for a person" if river.candidates else "none new", "dim")),
        ),
        (
            "Champion",
            line((f"v{champion.version} {champion.model}" if champion else "–", "bold")),
            line((metric_text, "" if champion else "dim")),
        ),
        (
            "Serving",
            line((f"{glyphs.ok} v{river.deployment_version}", "ok") if river.deployment else ("–", "dim")),
            line((f"{river.batches} batch{'' if river.batches == 1 else 'es'}", "dim")),
        ),
        (
            "Drift",
            line(
                (f"{glyphs.alert} {breached} of {river.signals}", "bad")
                if breached
                else (
                    f"{glyphs.ok} {river.signals} signals" if river.signals else "no report",
                    "ok" if river.signals else "dim",
                )
            ),
            line(
                (
                    f"{river.open_alerts} alert{'' if river.open_alerts == 1 else 's'}",
                    "warn" if river.open_alerts else "dim",
                )
            ),
        ),
    ]


def _short(count: int) -> str:
    return f"{count / 1000:.0f}k" if count >= 10_000 else f"{count:,}"
