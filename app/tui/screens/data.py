"""Data & Features: can I trust it? Sources, their snapshots and quarantine; feature versions and their views."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.data import (
    QuarantineRow,
    RuleCount,
    SnapshotRow,
    SourceFileRow,
    SourceRow,
    counts_by_rule,
    files_of,
    quarantined_rows,
    snapshots,
    sources,
)
from app.store.queries.features import FeatureSetRow, feature_sets
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import bar
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen

SOURCES = (
    Column("sign", "", 1),
    Column("source", "SOURCE", 14, grow=True),
    Column("rows", "ROWS", 10, right=True),
    Column("rejected", "REJECTED", 9, right=True),
    Column("files", "FILES", 5, right=True, drop=3),
    Column("newest", "NEWEST ROW", 10, drop=2),
    Column("fresh", "TAKEN", 6, right=True, drop=1),
    Column("project", "PROJECT", 14, drop=4),
)
FEATURES = (
    Column("version", "VERSION", 8),
    Column("rows", "ROWS", 10, right=True),
    Column("views", "VIEWS", 5, right=True),
    Column("rules", "RULES", 12, drop=3),
    Column("changed", "RULES ARE", 10, drop=2),
    Column("run", "RUN", 6, drop=4),
    Column("made", "MADE", 6, right=True, drop=1),
    Column("project", "PROJECT", 14, drop=5, grow=True),
)
TABS = ("snapshots", "quarantine", "columns", "files")


@dataclass(frozen=True)
class Wish:
    """The chosen source and feature version."""

    source: str | None
    features: str | None


@dataclass(frozen=True)
class Body:
    """Sources, the chosen one's snapshots and rejected rows, feature versions."""

    sources: tuple[SourceRow, ...]
    source: SourceRow | None
    snapshots: tuple[SnapshotRow, ...]
    rules: tuple[RuleCount, ...]
    rejected: tuple[QuarantineRow, ...]
    files: tuple[SourceFileRow, ...]
    features: tuple[FeatureSetRow, ...]
    chosen: FeatureSetRow | None


class DataScreen(PlaceScreen):
    """Sources over features, each with its details at the right."""

    place: ClassVar[str] = "data"
    AUTO_FOCUS = "#sources"

    def __init__(self) -> None:
        super().__init__()
        self._tab = 0

    def panes(self) -> ComposeResult:
        """Two grids, two panes."""
        none = parts.empty("No source was taken in yet.", "r", "ingests", "trainmaster data ingest")
        unbuilt = parts.empty("No features are built yet.", "r", "builds", "trainmaster features build")
        with Horizontal(classes="row"):
            yield Grid(SOURCES, id="sources", title="Sources", empty=none)
            yield Panel("Source", id="source", classes="wide-only")
        with Horizontal(classes="row"):
            yield Grid(FEATURES, id="features", title="Feature versions", empty=unbuilt)
            yield Panel("Views", id="views", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """What is chosen."""
        source, features = self.query_one("#sources", Grid).cursor_id, self.query_one("#features", Grid).cursor_id
        return Wish(str(source) if source else None, str(features) if features else None)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """Everything about the chosen source and feature version."""
        found = tuple(sources(reader))
        source = next((s for s in found if f"{s.project}/{s.source}" == wish.source), found[0] if found else None)
        sets = tuple(feature_sets(reader))
        chosen = next((f for f in sets if f"{f.project}/{f.version}" == wish.features), sets[0] if sets else None)
        if source is None:
            return Body(found, None, (), (), (), (), sets, chosen)
        project, name = source.project, source.source
        return Body(
            found,
            source,
            tuple(snapshots(reader, limit=40, project=project, source=name)),
            tuple(counts_by_rule(reader, project=project, source=name)),
            tuple(quarantined_rows(reader, limit=40, project=project, source=name)),
            tuple(files_of(reader, limit=40, project=project, source=name)),
            sets,
            chosen,
        )

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs, now = self.control.glyphs, self.control.clock()
        grid = self.query_one("#sources", Grid)
        grid.show(Window.of([_source_row(source, now, glyphs) for source in snapshot.sources]))
        rows = sum(source.rows for source in snapshot.sources)
        waiting = sum(source.quarantined_open for source in snapshot.sources)
        grid.head(
            f"Sources · {len(snapshot.sources)}",
            f"{rows:,} rows · {waiting:,} in quarantine" if snapshot.sources else "",
        )
        features = self.query_one("#features", Grid)
        features.show(Window.of(_feature_rows(snapshot.features, now)))
        features.head(f"Feature versions · {len(snapshot.features)}")
        self._show_source(snapshot, now, glyphs)
        self._show_views(snapshot)

    def tick(self) -> None:
        """Freshness."""
        self.show(self.body)

    def _show_source(self, body: Body, now: datetime, glyphs: Glyphs) -> None:
        panel, source, name = self.query_one("#source", Panel), body.source, TABS[self._tab]
        brief = self.query_one("#brief", Panel)
        if source is None:
            panel.head("Source")
            panel.show([line(("nothing is chosen", "dim"))])
            brief.show([line("no source yet  ", ("r", "key"), (" ingests", "dim"))])
            return
        tabs = " ".join(f"[{tab}]" if tab == name else tab for tab in TABS)
        panel.head(f"{source.source} · {tabs}", "[ ] tabs")
        width = max(panel.size.width, 20)
        match name:
            case "snapshots":
                lines = _snapshots(body.snapshots, now)
            case "quarantine":
                lines = _quarantine(body, width, glyphs)
            case "columns":
                lines = _columns(body.snapshots)
            case _:
                lines = [
                    line(
                        (fit(row.path, max(width - 22, 10)), ""),
                        (f"{row.rows:>10,} ", "dim"),
                        (f"{words.size(row.size_bytes):>9}", "dim"),
                    )
                    for row in body.files
                ]
        panel.show(lines)
        first = line(
            (f"{source.source} ", "bold"),
            f"{source.rows:,} rows · ",
            (f"{source.quarantined_open:,} in quarantine", "warn" if source.quarantined_open else "dim"),
        )
        worst = body.rules[0] if body.rules else None
        brief.show(
            [
                first,
                line(
                    (f"{worst.rule}: {worst.rows:,} rows · {worst.example}" if worst else "nothing was rejected", "dim")
                ),
            ]
        )

    def _show_views(self, body: Body) -> None:
        panel, chosen = self.query_one("#views", Panel), body.chosen
        if chosen is None:
            panel.head("Views")
            panel.show([line(("nothing is chosen", "dim"))])
            return
        panel.head(f"Views of v{chosen.version} · {len(chosen.views)}", chosen.digest[:12])
        width = max(panel.size.width, 20)
        lines: list[Line] = []
        for view in chosen.views:
            lines.append(
                line(
                    (fit(view.name, 20), "bold"),
                    (f"{view.rows:>10,} rows  ", ""),
                    (f"delta v{view.version}  {view.function[:8]}", "dim"),
                )
            )
            lines += [line("  ", (piece, "dim")) for piece in wrapped(" ".join(view.columns), width - 2, 3)]
        lines += [(), line(("from snapshots ", "dim"), (" ".join(key[:6] for key in chosen.snapshots[-8:]), ""))]
        panel.show(lines)

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another source or version."""
        event.stop()
        self.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the details of the row."""
        event.stop()
        pane = self.query_one("#source" if event.grid.id == "sources" else "#views", Panel)
        if pane.display:
            pane.focus()

    def do_tab_next(self) -> None:
        """The next tab of the source."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The tab before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._tab = (self._tab + by) % len(TABS)
        self.query_one("#source", Panel).do_list_first()
        if self.body is not None:
            self._show_source(self.body, self.control.clock(), self.control.glyphs)

    def do_data_run(self) -> None:
        """Build features when their pane has the focus, else ingest."""
        below = self.focused is not None and self.focused.id in ("features", "views")
        chosen = self.body.chosen if below and self.body else self.body.source if self.body else None
        project = chosen.project if chosen is not None else self.control.only_project()
        if project is not None:
            flow = "features" if below else "ingest"
            self.control.start_act(
                self.control.acts.request(project, flow), done=f"{flow} of {project} requested; 3 shows it"
            )

    def copied(self, grid: Grid) -> str:
        """The act of the pane as a command."""
        project, _, name = str(grid.cursor_id).partition("/")
        if grid.id == "sources":
            return f"trainmaster data quarantine {project} --source {name}"
        return f"trainmaster lineage features:{project}/v{name}"


def _source_row(source: SourceRow, now: datetime, glyphs: Glyphs) -> Row:
    bad = source.quarantined_open > 0
    return Row(
        f"{source.project}/{source.source}",
        (
            (glyphs.alert if bad else glyphs.ok, "warn" if bad else "ok"),
            (source.source, "bold"),
            (f"{source.rows:,}", ""),
            (f"{source.quarantined:,}" if source.quarantined else "–", "warn" if bad else "dim"),
            (f"{source.files:,}", "dim"),
            ((source.newest or source.watermark or "–")[:10], ""),
            (words.ago(source.refreshed_at, now), "dim"),
            (source.project, "dim"),
        ),
    )


def _feature_rows(found: tuple[FeatureSetRow, ...], now: datetime) -> list[Row]:
    rows = []
    for at, features in enumerate(found):
        before = next((f for f in found[at + 1 :] if f.project == features.project), None)
        changed = "first" if before is None else "the same" if before.rules_digest == features.rules_digest else "new"
        rows.append(
            Row(
                f"{features.project}/{features.version}",
                (
                    (f"v{features.version}", "bold"),
                    (f"{features.rows:,}", ""),
                    (f"{len(features.views)}", ""),
                    (features.rules_digest[:12], "dim"),
                    (changed, "accent" if changed == "new" else "dim"),
                    (features.run[:6], "dim"),
                    (words.ago(features.created_at, now), "dim"),
                    (features.project, "dim"),
                ),
            )
        )
    return rows


def _snapshots(found: tuple[SnapshotRow, ...], now: datetime) -> list[Line]:
    lines = [line((f"{'KEY':<7}{'ROWS':>9}{'OUT':>7}  {'FROM':<11}{'TO':<10}{'TAKEN':>6}", "head"))]
    lines += [
        line(
            (f"{row.key[:6]:<7}", "bold"),
            f"{row.rows:>9,}",
            (f"{row.quarantined:>7,}", "warn" if row.quarantined else "dim"),
            (f"  {(row.time_from or '–')[:10]:<11}{(row.time_to or '–')[:10]:<10}", "dim"),
            (f"{words.ago(row.created_at, now):>6}", "dim"),
        )
        for row in found
    ]
    return lines


def _quarantine(body: Body, width: int, glyphs: Glyphs) -> list[Line]:
    if not body.rules:
        return [line((f"{glyphs.ok} nothing was rejected", "ok"))]
    whole = sum(rule.rows for rule in body.rules)
    lines = [
        line(
            (fit(rule.rule, 18), "bold"),
            (f"{rule.rows:>7,} ", "warn"),
            (bar(rule.rows / whole, 12, glyphs), "now"),
            "  ",
            (rule.example, "dim"),
        )
        for rule in body.rules
    ]
    lines += [(), line(("rows", "head"))]
    for row in body.rejected:
        lines.append(
            line(
                (f"{row.row_number:>7} ", "dim"),
                (fit(row.file, 18), "dim"),
                " ",
                (fit(row.content, max(width - 27, 10)), ""),
            )
        )
    return lines


def _columns(found: tuple[SnapshotRow, ...]) -> list[Line]:
    try:
        columns = json.loads(found[0].columns) if found else []
    except ValueError:
        columns = []
    lines = []
    for column in columns if isinstance(columns, list) else []:
        name, kind = (column.get("name"), column.get("type")) if isinstance(column, dict) else (column, "")
        lines.append(line((fit(name, 28), ""), (str(kind or ""), "dim")))
    return lines or [line(("The snapshot names no columns.", "dim"))]
