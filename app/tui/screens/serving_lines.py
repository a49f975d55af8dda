"""What the Serving place says of traffic and of a candidate beside production, as lines."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from app.store.queries.serving import RolloutRow
from app.tui import parts, words
from app.tui.charts import bar, plot, sparkline
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line, wrapped
from app.tui.traffic import Watch

if TYPE_CHECKING:
    from app.services.serving.traffic import Traffic

KEPT = 120


def traffic_lines(
    watch: Watch, candidate: RolloutRow | None, now: datetime, glyphs: Glyphs, width: int, height: int
) -> list[Line]:
    """Requests, latency, errors, who answers, and the candidate."""
    lines: list[Line] = []
    if watch.trouble:
        lines += [line((f"{glyphs.bad} ", "bad"), (part, "bad")) for part in wrapped(watch.trouble, width - 2, 2)]
        lines += [line(("  trainmaster up", "key"), (" starts it", "dim")), ()]
    seen = list(watch.seen)
    last = seen[-1] if seen else None
    tall = max((height - 18) // 2, 2)
    lines += _chart("REQUESTS", seen, lambda one: one.requests_per_s, "a second", "now", tall, width, glyphs)
    lines += _chart("P99", seen, lambda one: one.p99_ms, "ms", "accent", tall, width, glyphs)
    if last is not None:
        ink = "bad" if last.errors_per_s else "ok"
        sign = glyphs.bad if last.errors_per_s else glyphs.ok
        lines.append(
            line(
                ("p50     ", "dim"), (f"{_ms(last.p50_ms):<12}", "bold"),
                ("in flight ", "dim"), (f"{last.in_flight:<6}", ""), ("to log    ", "dim"), f"{last.queued_rows:,}",
            )
        )  # fmt: skip
        lines.append(
            line(
                ("errors  ", "dim"), (f"{sign} {last.errors_per_s:.1f}/s".ljust(12), ink),
                ("refused   ", "dim"), (f"{last.refused_per_s:.1f}/s".ljust(6), "warn" if last.refused_per_s else ""),
                ("dropped   ", "dim"), (str(last.dropped_rows), "warn" if last.dropped_rows else ""),
            )
        )  # fmt: skip
        lines += _split(last, width, glyphs)
    lines += [(), *_candidate(candidate, now, glyphs, width)]
    return lines


def _chart(
    name: str,
    seen: "list[Traffic]",
    of: "Callable[[Traffic], float | None]",
    unit: str,
    ink: str,
    tall: int,
    width: int,
    glyphs: Glyphs,
) -> list[Line]:
    values = [value if value is not None else 0.0 for value in map(of, seen)]
    now = of(seen[-1]) if seen else None
    figure = f"{now:,.1f}" if now is not None else "–"
    most = max(values, default=0.0)
    lines = [line((f"{name:<9}", "head"), (f"{figure:>9} ", "bold"), (unit, "dim"), (f"   most {most:,.1f}", "faint"))]
    across = max((width - 2) * len(values) // KEPT, 1)
    drawn = plot(values, across, tall, low=0.0, high=most or 1.0, glyphs=glyphs) if values else [""] * tall
    return lines + [line(" " * max(width - 1 - across, 0), (text, ink)) for text in drawn]


def _split(last: "Traffic", width: int, glyphs: Glyphs) -> list[Line]:
    """Which version answers how much of the rows of its project."""
    lines: list[Line] = [(), line(("who answers", "head"))]
    for (project, version), rate in sorted(last.versions.items()):
        whole = sum(other for (name, _), other in last.versions.items() if name == project)
        filled = bar(rate / whole, max(width - 42, 6), glyphs)
        cut = filled.count(glyphs.full)
        lines.append(
            line(
                (fit(project, 14), ""), (fit(f" v{version}", 6), "bold"),
                (filled[:cut], "now"), (filled[cut:], "faint"),
                (f" {words.percent(rate / whole):>5} {rate:>8,.1f} rows/s", "dim"),
            )
        )  # fmt: skip
    if len(lines) == 2:
        lines.append(line(("nobody asks now", "dim")))
    return lines


def _candidate(row: RolloutRow | None, now: datetime, glyphs: Glyphs, width: int) -> list[Line]:
    """A candidate in the shadow, in the canary or in its watch after the switch, or what became of the last one."""
    lines = [line(("candidate", "head"))]
    if row is None:
        return [
            *lines,
            line(("none was tried beside production, or watched", "dim")),
            line(("[serving]", "key"), (" in project.toml asks for a trial", "dim")),
        ]
    word, ink = parts.state(row.state, glyphs)
    ink = "accent" if row.ended_at is None else ink
    where = f" v{row.baseline} stands by, " if row.state == "watch" else f" beside v{row.baseline}, "
    lines.append(
        line(
            (f"{row.project} v{row.version} ", "bold"), (word, ink), (where, "dim"),
            (words.ago(row.stage_at, now) if row.ended_at is None else f"{words.ago(row.ended_at, now)} ago", "dim"),
        )
    )  # fmt: skip
    errors = (("errors ", "dim"), (f"{row.errors} of {row.requests:,}", "bad" if row.errors else ""))
    if row.state == "watch" and not row.rows:
        lines.append(line(*errors))
    else:
        agreement = words.percent(row.agreed / row.rows if row.rows else None, 2)
        lines.append(line(("agreement ", "dim"), (agreement, "bold"), (f" of {row.rows:,} rows   ", "dim"), *errors))
    if row.ended_at is None:
        lines.append(line((_wanted(row), "dim")))
    return lines + [line((part, "dim")) for part in wrapped(row.says, width, 2)] if row.says else lines


def _wanted(row: RolloutRow) -> str:
    """What the charter asks of this stage."""
    limits = json.loads(row.limits)
    minutes = limits.get(f"{row.state}_minutes", 0)
    if row.state == "watch":
        return f"takes over again beyond a limit of [serving], for {minutes:g} min"
    share = f", {limits.get('canary_share', 0) * 100:g} % of entities" if row.state == "canary" else ""
    return f"{row.requests:,} of {limits.get('minimum_requests', 0):,} requests, {minutes:g} min asked{share}"


def brief_lines(watch: Watch, candidate: RolloutRow | None, glyphs: Glyphs) -> list[Line]:
    """The same in two lines."""
    seen = list(watch.seen)
    if watch.trouble or not seen:
        first = line((f"{glyphs.bad} {watch.trouble or 'asking'}", "bad"), ("  trainmaster up", "key"))
    else:
        last = seen[-1]
        rates = sparkline([one.requests_per_s for one in seen], 16, glyphs, low=0)
        slow = sparkline([one.p99_ms for one in seen], 12, glyphs, low=0)
        first = line(
            (f"{last.requests_per_s:,.0f} req/s ", "bold"), (rates, "now"), ("  p99 ", "dim"), _ms(last.p99_ms), " ",
            (slow, "accent"), ("  errors ", "dim"), (f"{last.errors_per_s:.1f}/s", "bad" if last.errors_per_s else ""),
        )  # fmt: skip
    if candidate is None:
        return [first, line(("no candidate beside production", "dim"))]
    agreement = words.percent(candidate.agreed / candidate.rows, 1) if candidate.rows else "–"
    errors = f"  errors {candidate.errors} of {candidate.requests:,}"
    return [
        first,
        line(
            (f"v{candidate.version} ", "bold"), parts.state(candidate.state, glyphs),
            ("  agreement ", "dim"), agreement, (f"  {candidate.says or errors.strip()}", "dim"),
        ),
    ]  # fmt: skip


def _ms(value: float | None) -> str:
    """A latency.

    >>> _ms(1.234), _ms(None)
    ('1.23 ms', '–')
    """
    return "–" if value is None else f"{value:.3g} ms"


__all__ = ["brief_lines", "traffic_lines"]
