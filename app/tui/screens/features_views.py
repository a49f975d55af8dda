"""The views tab of Data & Features: every view of every project with its columns, their statistics and histograms."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.features import FeatureSetRow, ViewRow, feature_sets, statistics
from app.store.reader import Reader
from app.tui import parts
from app.tui.charts import histogram, sparkline
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.tabs import Tab

VIEWS = (
    Column("view", "VIEW", 20),
    Column("rows", "ROWS", 10, right=True),
    Column("entity", "ENTITY", 14, drop=2),
    Column("ttl", "LIVES", 6, right=True, drop=3),
    Column("owner", "OWNER", 10, drop=5),
    Column("project", "PROJECT", 12, drop=4),
    Column("columns", "COLUMNS", 14, drop=1, grow=True),
)


@dataclass(frozen=True)
class Body:
    """The views of the newest version of every project, and the statistics of the chosen one (JSON by column)."""

    views: tuple[tuple[FeatureSetRow, ViewRow], ...]
    chosen: tuple[FeatureSetRow, ViewRow] | None
    statistics: str


class ViewsTab(Tab):
    """Views, each with its statistics at the right; a filter searches names, columns, owners and descriptions."""

    key: ClassVar[str] = "views"
    title: ClassVar[str] = "Views"
    scope: ClassVar[str] = "features"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("No view is here.", "esc", "takes a filter away", "trainmaster features search WORDS")
        with Horizontal(classes="row"):
            yield Grid(VIEWS, id="all-views", title="Views", empty=none)
            yield Panel("Statistics", id="view", classes="wide-only")
        yield Panel(id="view-brief", classes="brief")

    def wish(self) -> str:
        """The chosen view."""
        chosen = self.query_one("#all-views", Grid).cursor_id
        return str(chosen) if chosen else ""

    def load(self, reader: Reader, wish: str) -> Body:
        """The newest version of every project."""
        newest: dict[str, FeatureSetRow] = {}
        for row in feature_sets(reader, limit=1000):
            newest.setdefault(row.project, row)
        views = tuple((row, view) for row in newest.values() for view in row.views)
        chosen = next((one for one in views if f"{one[0].project}/{one[1].name}" == wish), views[0] if views else None)
        described = statistics(reader, chosen[0]).get(chosen[1].name, {}) if chosen is not None else {}
        return Body(views, chosen, json.dumps(described.get("columns", {})))

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        grid, panel = self.query_one("#all-views", Grid), self.query_one("#view", Panel)
        grid.show(Window.of([_row(features, view) for features, view in snapshot.views]))
        grid.head(f"Views · {len(snapshot.views)}", "/ searches them")
        if snapshot.chosen is None:
            panel.head("Statistics")
            panel.show([line(("nothing is chosen", "dim"))])
            return
        features, view = snapshot.chosen
        columns = json.loads(snapshot.statistics)
        panel.head(f"{view.name} · v{features.version}", view.function[:12])
        width = max(panel.size.width - 2, 20)
        panel.show([*_declared(view, width), (), *_statistics(columns, width, self.control.glyphs)])
        missing = sum(int(one["missing"]) for one in columns.values())
        self.query_one("#view-brief", Panel).show(
            [
                line((f"{view.name} ", "bold"), f"{view.rows:,} rows · {len(view.columns)} columns"),
                line((f"{missing:,} values are missing" if columns else "no statistics yet", "dim")),
            ]
        )

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another view."""
        event.stop()
        self.place.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at its statistics."""
        event.stop()
        pane = self.query_one("#view", Panel)
        if pane.display:
            pane.focus()

    def copied(self, grid: Grid) -> str:
        """The view as a command."""
        project, _, name = str(grid.cursor_id).partition("/")
        return f"trainmaster features show {name} --project {project}"


def _row(features: FeatureSetRow, view: ViewRow) -> Row:
    lives = "" if view.ttl_hours is None else f"{view.ttl_hours:g} h"
    return Row(
        f"{features.project}/{view.name}",
        (
            (view.name, "bold"),
            (f"{view.rows:,}", ""),
            (" ".join(view.entity) or "–", "dim"),
            (lives or "–", "dim"),
            (view.owner or "–", "dim"),
            (features.project, "dim"),
            (" ".join((*view.columns, view.description)), "dim"),
        ),
    )


def _declared(view: ViewRow, width: int) -> list[Line]:
    """What project.toml says of the view."""
    lines = [line((piece, "")) for piece in wrapped(view.description, width, 2)] if view.description else []
    facts = [("key", " ".join(view.entity)), ("event", view.event_time or ""), ("owner", view.owner)]
    lines.append(
        line(*((part, ink) for name, said in facts if said for part, ink in ((f"{name} ", "dim"), (said + "  ", ""))))
    )
    return lines


def _statistics(columns: Mapping[str, Mapping[str, Any]], width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines a column: figures, and a histogram or the most frequent values."""
    if not columns:
        return [line(("no statistics yet  ", "dim"), ("r", "key"), (" builds", "dim"))]
    lines: list[Line] = []
    for name, one in columns.items():
        share = one["missing"] / one["count"] if one["count"] else 0.0
        lacking = (f" {share:.1%} missing", "warn" if share > 0.2 else "dim") if one["missing"] else ("", "")
        if one["kind"] == "category":
            lines.append(line((fit(name, 22), "bold"), (f"{one.get('distinct', 0):,} values", "dim"), lacking))
            lines += _frequent(one, width, glyphs)
        elif "histogram" in one:
            figures = "  ".join(f"{_short(one[key])}" for key in ("least", "mean", "greatest"))
            lines.append(line((fit(name, 22), "bold"), (figures if one["kind"] == "number" else "times", ""), lacking))
            counts = [float(count) for count in one["histogram"]["counts"]]
            lines.append(line("  ", (sparkline([c for c in counts for _ in (0, 1)], 20, glyphs, low=0.0), "now")))
        else:
            lines.append(line((fit(name, 22), "bold"), ("nothing in it", "warn")))
    return lines


def _frequent(one: Mapping[str, Any], width: int, glyphs: Glyphs) -> list[Line]:
    top = one.get("top", [])[:3]
    most = max((count for _, count in top), default=0)
    if most == 1:
        return [line("  ", ("each comes once", "dim"))]
    return [
        line(
            "  ",
            (fit(text, 14), ""),
            (f"{count:>9,} ", "dim"),
            (histogram(count, most, width - 28, glyphs.full), "now"),
        )
        for text, count in top
    ]


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
