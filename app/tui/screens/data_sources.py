"""The sources tab of Data & Features: every source with its freshness, and at the right what was taken in."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.domain.source_age import SourceAge, source_age
from app.store.queries.data import (
    RuleCount,
    SnapshotRow,
    SourceFileRow,
    SourceRow,
    counts_by_rule,
    files_of,
    snapshots,
    sources,
)
from app.store.queries.profiles import allowed_ages
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import bar
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.data_tab import DataTab

COLUMNS = (
    Column("sign", "", 1),
    Column("source", "SOURCE", 14, grow=True),
    Column("rows", "ROWS", 10, right=True),
    Column("rejected", "REJECTED", 9, right=True),
    Column("files", "FILES", 5, right=True, drop=3),
    Column("newest", "NEWEST ROW", 10, drop=2),
    Column("fresh", "TAKEN", 6, right=True, drop=1),
    Column("project", "PROJECT", 14, drop=4),
)


@dataclass(frozen=True)
class Body:
    """Sources with the hours that a newest row may be old (by project), and what the chosen one took in."""

    sources: tuple[SourceRow, ...]
    source: SourceRow | None
    snapshots: tuple[SnapshotRow, ...]
    rules: tuple[RuleCount, ...]
    files: tuple[SourceFileRow, ...]
    allowed: dict[str, dict[str, float]]


class SourcesTab(DataTab):
    """Sources, with the details of one at the right; the other tabs follow the choice."""

    key: ClassVar[str] = "sources"
    title: ClassVar[str] = "Sources"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("No source was taken in yet.", "r", "ingests", "trainmaster data ingest")
        with Horizontal(classes="row"):
            yield Grid(COLUMNS, id="sources", title="Sources", empty=none)
            yield Panel("Source", id="source", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> tuple[str, ...]:
        """The chosen source."""
        return (str(self.query_one("#sources", Grid).cursor_id or ""),)

    def load(self, reader: Reader, wish: tuple[str, ...]) -> Body:
        """Everything about the chosen source."""
        found = tuple(sources(reader))
        allowed = {project: allowed_ages(reader, project) for project in {each.project for each in found}}
        source = next((s for s in found if _id(s) == wish[0]), found[0] if found else None)
        if source is None:
            return Body(found, None, (), (), (), allowed)
        project, name = source.project, source.source
        return Body(
            found,
            source,
            tuple(snapshots(reader, limit=40, project=project, source=name)),
            tuple(counts_by_rule(reader, project=project, source=name)),
            tuple(files_of(reader, limit=40, project=project, source=name)),
            allowed,
        )

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs, now = self.control.glyphs, self.control.clock()
        if snapshot.source is not None:
            self.data.choose(_id(snapshot.source))
        grid = self.query_one("#sources", Grid)
        ages = {_id(each): _age(each, snapshot, now) for each in snapshot.sources}
        grid.show(Window.of([_row(each, ages[_id(each)], now, glyphs) for each in snapshot.sources]))
        rows = sum(source.rows for source in snapshot.sources)
        waiting = sum(source.quarantined_open for source in snapshot.sources)
        stale = sum(age.is_stale for age in ages.values())
        told = f"{rows:,} rows · {waiting:,} in quarantine" + (f" · {stale} stale" if stale else "")
        grid.head(f"Sources · {len(snapshot.sources)}", told if snapshot.sources else "")
        self._show_source(snapshot, now, glyphs)

    def _show_source(self, body: Body, now: datetime, glyphs: Glyphs) -> None:
        panel, brief, source = self.query_one("#source", Panel), self.query_one("#brief", Panel), body.source
        if source is None:
            panel.head("Source")
            panel.show([line(("nothing is chosen", "dim"))])
            brief.show([line("no source yet  ", ("r", "key"), (" ingests", "dim"))])
            return
        panel.head(source.source, f"snapshot {source.snapshot[:6]}")
        width = max(panel.size.width, 20)
        age = _aged(_age(source, body, now), glyphs)
        panel.show(
            [
                *age,
                *_taken(body.snapshots, now),
                (),
                *_rejected(body.rules, width, glyphs),
                (),
                *_files(body.files, width),
            ]
        )
        worst = body.rules[0] if body.rules else None
        words_of_worst = f"{worst.rule}: {worst.rows:,} rows · {worst.example}" if worst else "nothing was rejected"
        brief.show(
            [
                line(
                    (f"{source.source} ", "bold"),
                    f"{source.rows:,} rows · ",
                    (f"{source.quarantined_open:,} in quarantine", "warn" if source.quarantined_open else "dim"),
                ),
                line((words_of_worst, "dim")),
            ]
        )

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another source."""
        event.stop()
        self.place.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the details of the row."""
        event.stop()
        pane = self.query_one("#source", Panel)
        if pane.display:
            pane.focus()

    def copied(self, grid: Grid) -> str:
        """What is in the source's quarantine, as a command."""
        project, _, name = str(grid.cursor_id).partition("/")
        return f"trainmaster data quarantine ls --project {project} --source {name}"


def _id(source: SourceRow) -> str:
    return f"{source.project}/{source.source}"


def _age(source: SourceRow, body: Body, now: datetime) -> SourceAge:
    limit = body.allowed[source.project].get(source.source)
    return source_age(source.source, words.moment(source.newest), limit, at=now)


def _aged(age: SourceAge, glyphs: Glyphs) -> list[Line]:
    """Whether the newest row is as young as the contract asks; nothing where it asks for nothing."""
    if age.limit_h is None:
        return []
    sign, word, ink = (glyphs.alert, "stale", "warn") if age.is_stale else (glyphs.ok, "fresh", "ok")
    return [line((f"{sign} {word}: {age.says}", ink)), ()]


def _row(source: SourceRow, age: SourceAge, now: datetime, glyphs: Glyphs) -> Row:
    bad = source.quarantined_open > 0
    return Row(
        _id(source),
        (
            (glyphs.alert if bad or age.is_stale else glyphs.ok, "warn" if bad or age.is_stale else "ok"),
            (source.source, "bold"),
            (f"{source.rows:,}", ""),
            (f"{source.quarantined:,}" if source.quarantined else "–", "warn" if bad else "dim"),
            (f"{source.files:,}", "dim"),
            ((source.newest or source.watermark or "–")[:10], "warn" if age.is_stale else ""),
            (words.ago(source.refreshed_at, now), "dim"),
            (source.project, "dim"),
        ),
    )


def _taken(found: tuple[SnapshotRow, ...], now: datetime) -> list[Line]:
    lines = [line((f"{'SNAPSHOT':<9}{'ROWS':>9}{'OUT':>7}  {'FROM':<11}{'TO':<10}{'TAKEN':>6}", "head"))]
    lines += [
        line(
            (f"{row.key[:6]:<9}", "bold" if row.stands else "dim"),
            (f"{row.rows:>9,}" if row.stands else f"{'replaced':>9}", "" if row.stands else "dim"),
            (f"{row.quarantined:>7,}", "warn" if row.quarantined else "dim"),
            (f"  {(row.time_from or '–')[:10]:<11}{(row.time_to or '–')[:10]:<10}", "dim"),
            (f"{words.ago(row.created_at, now):>6}", "dim"),
        )
        for row in found
    ]
    return lines


def _rejected(rules: tuple[RuleCount, ...], width: int, glyphs: Glyphs) -> list[Line]:
    if not rules:
        return [line((f"{glyphs.ok} nothing was rejected", "ok"))]
    whole = sum(rule.rows for rule in rules)
    lines = [line(("REJECTED BY", "head"))]
    for rule in rules:
        share = bar(rule.rows / whole, 12, glyphs)
        lines.append(line((fit(rule.rule, 22), "bold"), (f"{rule.rows:>8,} ", "warn"), (share, "now")))
        lines += [line(("  " + piece, "dim")) for piece in wrapped(rule.example, width - 2, 3)]
    return lines


def _files(found: tuple[SourceFileRow, ...], width: int) -> list[Line]:
    return [line(("FILES", "head"))] + [
        line(
            (fit(row.path.rpartition("/")[2] or row.path, max(width - 22, 10)), ""),
            (f"{row.rows:>10,} ", "dim"),
            (f"{words.size(row.size_bytes):>9}", "dim"),
        )
        for row in found
    ]
