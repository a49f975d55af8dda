"""The features tab of Data & Features: feature versions and the views that each of them holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.features import FeatureSetRow, feature_sets
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.tabs import Tab

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


@dataclass(frozen=True)
class Body:
    """Feature versions, and the chosen one."""

    features: tuple[FeatureSetRow, ...]
    chosen: FeatureSetRow | None


class FeaturesTab(Tab):
    """Feature versions, each with its views at the right."""

    key: ClassVar[str] = "features"
    title: ClassVar[str] = "Features"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        unbuilt = parts.empty("No features are built yet.", "r", "builds", "trainmaster features build")
        with Horizontal(classes="row"):
            yield Grid(FEATURES, id="features", title="Feature versions", empty=unbuilt)
            yield Panel("Views", id="views", classes="wide-only")

    def wish(self) -> str:
        """The chosen version."""
        chosen = self.query_one("#features", Grid).cursor_id
        return str(chosen) if chosen else ""

    def load(self, reader: Reader, wish: str) -> Body:
        """Every version."""
        sets = tuple(feature_sets(reader))
        chosen = next((f for f in sets if f"{f.project}/{f.version}" == wish), sets[0] if sets else None)
        return Body(sets, chosen)

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        grid = self.query_one("#features", Grid)
        grid.show(Window.of(_feature_rows(snapshot.features, self.control.clock())))
        grid.head(f"Feature versions · {len(snapshot.features)}")
        self._show_views(snapshot)

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

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another version."""
        event.stop()
        self.place.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the views."""
        event.stop()
        pane = self.query_one("#views", Panel)
        if pane.display:
            pane.focus()

    def do_data_run(self) -> None:
        """Build features."""
        chosen = self.body.chosen if self.body else None
        project = chosen.project if chosen is not None else self.control.only_project()
        if project is not None:
            self.control.start_act(
                self.control.acts.request(project, "features"), done=f"features of {project} requested; 3 shows it"
            )

    def copied(self, grid: Grid) -> str:
        """The version's lineage as a command."""
        project, _, name = str(grid.cursor_id).partition("/")
        return f"trainmaster lineage features:{project}/v{name}"


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
