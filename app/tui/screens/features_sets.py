"""The training sets tab of Data & Features: named rows, their window and split, and who has learned from them."""

import json
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.training_sets import TrainingSetRow, training_sets
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import bar
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.screens.tabs import Tab

SETS = (
    Column("name", "TRAINING SET", 16),
    Column("features", "FEATURES", 8),
    Column("rows", "ROWS", 10, right=True),
    Column("runs", "RUNS", 5, right=True, drop=2),
    Column("digest", "DIGEST", 12, drop=3),
    Column("made", "MADE", 6, right=True, drop=1),
    Column("project", "PROJECT", 14, drop=4, grow=True),
)


@dataclass(frozen=True)
class Body:
    """Training sets, and the chosen one."""

    sets: tuple[TrainingSetRow, ...]
    chosen: TrainingSetRow | None


class TrainingSetsTab(Tab):
    """Training sets, each with its split at the right."""

    key: ClassVar[str] = "training-sets"
    title: ClassVar[str] = "Training sets"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("No rows are named yet.", "3", "shows runs", "trainmaster features training-set create NAME")
        with Horizontal(classes="row"):
            yield Grid(SETS, id="training-sets", title="Training sets", empty=none)
            yield Panel("Split", id="training-set", classes="wide-only")
        yield Panel(id="training-set-brief", classes="brief")

    def wish(self) -> str:
        """The chosen set."""
        chosen = self.query_one("#training-sets", Grid).cursor_id
        return str(chosen) if chosen else ""

    def load(self, reader: Reader, wish: str) -> Body:
        """Every set."""
        found = tuple(training_sets(reader))
        return Body(found, next((one for one in found if _id(one) == wish), found[0] if found else None))

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        grid, panel = self.query_one("#training-sets", Grid), self.query_one("#training-set", Panel)
        now = self.control.clock()
        rows = [
            Row(
                _id(one),
                (
                    (f"{one.name}/{one.version}", "bold"),
                    (f"v{one.features}", ""),
                    (f"{one.rows:,}", ""),
                    (f"{one.used_by}" if one.used_by else "–", "dim"),
                    (one.digest[:12], "dim"),
                    (words.ago(one.created_at, now), "dim"),
                    (one.project, "dim"),
                ),
            )
            for one in snapshot.sets
        ]
        grid.show(Window.of(rows))
        grid.head(f"Training sets · {len(rows)}")
        chosen = snapshot.chosen
        if chosen is None:
            panel.head("Split")
            panel.show([line(("nothing is chosen", "dim"))])
            return
        lines = _details(chosen, self.control.glyphs)
        panel.head(f"{chosen.name}/{chosen.version}", chosen.digest[:12])
        panel.show(lines)
        self.query_one("#training-set-brief", Panel).show(lines[:2])

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another set."""
        event.stop()
        self.place.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at its split."""
        event.stop()
        pane = self.query_one("#training-set", Panel)
        if pane.display:
            pane.focus()

    def copied(self, grid: Grid) -> str:
        """The proof that its rows are the same still, as a command."""
        project, name, version = str(grid.cursor_id).split("/")
        return f"trainmaster features training-set show {name}/{version} --verify --project {project}"


def _id(row: TrainingSetRow) -> str:
    return f"{row.project}/{row.name}/{row.version}"


def _details(row: TrainingSetRow, glyphs: Glyphs) -> list[Line]:
    rule = json.loads(row.split)
    kind = rule["kind"]
    says = {
        "time": f"the newest {rule['test_months']} month(s), {rule['gap_hours']:g} h gap",
        "group": f"by {' '.join(rule.get('group', []))}, seed {rule['seed']}",
        "stratified": f"by {' '.join(rule.get('strata', []))}, seed {rule['seed']}",
        "random": f"{rule['test_share']:.0%} of the rows, seed {rule['seed']}",
    }.get(kind, "")
    lines = [line((f"{kind} split ", "bold"), (says, ""))]
    parts_of = (("train", row.train_rows), ("test", row.test_rows), ("left out", row.purged_rows))
    for name, count in parts_of:
        share = count / row.rows if row.rows else 0.0
        lines.append(line((f"{name:<9}", "dim"), f"{count:>10,} ", (bar(share, 16, glyphs), "now"), f" {share:.1%}"))
    ends = (row.window_from, row.window_to)
    window = " to ".join((text or "open")[:10] for text in ends) if any(ends) else "all rows"
    lines += [
        (),
        line(("features ", "dim"), f"v{row.features}", ("   window ", "dim"), window),
        line(("rows     ", "dim"), row.digest[:24]),
        line(("split    ", "dim"), row.split_digest[:24]),
        line(("learned from by ", "dim"), f"{row.used_by} run(s)", (f"   named by {row.actor}", "dim")),
    ]
    return lines
