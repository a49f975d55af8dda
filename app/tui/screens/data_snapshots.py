"""The snapshots and profile tabs of Data & Features: what was taken in, and how its columns lie."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.data import SnapshotRow, snapshots
from app.store.queries.profiles import ColumnView, ProfileView, profile_of
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import histogram
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.data_tab import DataTab

if TYPE_CHECKING:
    from app.services.data import SnapshotsCompared

SNAPSHOTS = (
    Column("key", "SNAPSHOT", 12, grow=True),
    Column("rows", "ROWS", 10, right=True),
    Column("out", "OUT", 7, right=True),
    Column("from", "FROM", 10, drop=2),
    Column("to", "TO", 10, drop=1),
    Column("run", "RUN", 6, drop=3),
    Column("taken", "TAKEN", 6, right=True),
)
COLUMNS = (
    Column("name", "COLUMN", 16, grow=True),
    Column("kind", "KIND", 7, drop=3),
    Column("missing", "MISSING", 8, right=True),
    Column("distinct", "DISTINCT", 8, right=True, drop=1),
    Column("target", "TARGET", 7, right=True),
    Column("hint", "HINT", 6, drop=2),
)


@dataclass(frozen=True)
class Taken:
    """The snapshots of the chosen source."""

    source: str
    snapshots: tuple[SnapshotRow, ...]


class SnapshotsTab(DataTab):
    """Snapshots of the chosen source; two marked ones are compared at the right."""

    key: ClassVar[str] = "snapshots"
    title: ClassVar[str] = "Snapshots"
    scope: ClassVar[str] = "snapshots"

    def __init__(self) -> None:
        super().__init__()
        self._compared: SnapshotsCompared | None = None

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("Nothing was taken in from this source yet.", "r", "ingests", "trainmaster data ingest")
        with Horizontal(classes="row"):
            yield Grid(SNAPSHOTS, id="snapshots", title="Snapshots", empty=none)
            yield Panel("Comparison", id="comparison", classes="wide-only")
        yield Panel(id="comparison-brief", classes="brief")

    def load(self, reader: Reader, wish: tuple[str, ...]) -> Taken:
        """The newest hundred."""
        project, _, source = wish[0].partition("/")
        return Taken(wish[0], tuple(snapshots(reader, project=project, source=source, limit=100)))

    def show(self, snapshot: Taken) -> None:
        """Fill the panes."""
        now, grid = self.control.clock(), self.query_one("#snapshots", Grid)
        rows = [
            Row(
                row.key,
                (
                    (row.key, "bold") if row.stands else (f"{row.key[:6]} replaced", "dim"),
                    (f"{row.rows:,}", "" if row.stands else "dim"),
                    (f"{row.quarantined:,}" if row.quarantined else "–", "warn" if row.quarantined else "dim"),
                    ((row.time_from or "–")[:10], "dim"),
                    ((row.time_to or "–")[:10], "dim"),
                    (row.run[:6], "dim"),
                    (words.ago(row.created_at, now), "dim"),
                ),
            )
            for row in snapshot.snapshots
        ]
        grid.show(Window.of(rows))
        grid.head(f"Snapshots of {snapshot.source.partition('/')[2]} · {len(rows)}", "space marks two, c compares")
        self._show_comparison()

    def _show_comparison(self) -> None:
        panel, brief = self.query_one("#comparison", Panel), self.query_one("#comparison-brief", Panel)
        found = self._compared
        if found is None:
            panel.head("Comparison")
            hint = line(("mark two snapshots with ", "dim"), ("space", "key"), (", then ", "dim"), ("c", "key"))
            both = [hint, line(("trainmaster data compare A B", "key"))]
            panel.show(both)
            brief.show(both)
            return
        before, after = found.before, found.after
        panel.head(f"{before.snapshot[:6]} → {after.snapshot[:6]}", found.says)
        moved = " ".join(one.name for one in found.columns if one.has_moved)
        brief.show(
            [line((f"{before.snapshot[:6]} → {after.snapshot[:6]} ", "bold"), found.says), line((moved, "warn"))]
        )
        lines = [
            line(("rows        ", "dim"), f"{before.rows:,} → {after.rows:,}"),
            line(("quarantined ", "dim"), f"{before.quarantined:,} → {after.quarantined:,}"),
            (),
            line((f"{'COLUMN':<16}{'CHANGE':<8}{'PSI':>7}{'KS':>6}{'MISSING':>15}", "head")),
        ]
        for one in found.columns:
            ink = "warn" if one.has_moved else ""
            change = one.change if one.change != "same" else "moved" if one.has_moved else "–"
            gone = "" if one.change in ("added", "removed") else (
                f"{words.percent(one.missing_before)} → {words.percent(one.missing_after)}"
            )  # fmt: skip
            lines.append(
                line(
                    (fit(one.name, 15) + " ", "bold"),
                    (fit(change, 8), ink or "dim"),
                    (f"{words.number(one.psi):>7}{words.number(one.ks):>6}", ink),
                    (f"{gone:>15}", "dim"),
                )
            )
        panel.show(lines)

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another snapshot: the profile tab follows."""
        event.stop()
        self.data.snapshot = str(event.id) if event.id else ""

    async def on_grid_opened(self, event: Grid.Opened) -> None:
        """Its profile."""
        event.stop()
        self.data.snapshot = str(event.id)
        await self.data.turn_to("profile")

    def do_snapshot_compare(self) -> None:
        """Compare the two that are marked."""
        grid = self.query_one("#snapshots", Grid)
        order = [row.key for row in self.body.snapshots] if self.body else []
        chosen = [key for key in reversed(order) if key in grid.choice.marks]
        if len(chosen) != 2:
            self.control.say("mark two snapshots with space, then c", severity="warning")
            return
        acts = self.data_acts()

        async def act() -> None:
            from app.services.data import SnapshotsCompared

            found = await self.control.act(acts.compare(chosen[0], chosen[1]))
            if isinstance(found, SnapshotsCompared):
                self._compared = found
                self._show_comparison()

        self.run_worker(act(), group="acts", exit_on_error=False)

    def copied(self, grid: Grid) -> str:
        """Its profile as a command."""
        return f"trainmaster data profile {grid.cursor_id}"


@dataclass(frozen=True)
class Profiled:
    """The profile of the chosen snapshot."""

    source: str
    snapshot: SnapshotRow | None
    profile: ProfileView | None


class ProfileTab(DataTab):
    """The columns of one snapshot, each with its histogram or its most frequent values."""

    key: ClassVar[str] = "profile"
    title: ClassVar[str] = "Profile"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("This snapshot has no profile.", "r", "ingests", "trainmaster data profile SOURCE")
        with Horizontal(classes="row"):
            yield Grid(COLUMNS, id="columns", title="Profile", empty=none)
            yield Panel("Column", id="column", classes="wide-only")
        yield Panel(id="column-brief", classes="brief")

    def wish(self) -> tuple[str, ...]:
        """The chosen source, and snapshot."""
        return (self.data.source, self.data.snapshot)

    def load(self, reader: Reader, wish: tuple[str, ...]) -> Profiled:
        """The chosen snapshot's profile, or the newest one's."""
        project, _, source = wish[0].partition("/")
        found = snapshots(reader, project=project, source=source, limit=200)
        chosen = next((row for row in found if row.key == wish[1]), found[0] if found else None)
        return Profiled(wish[0], chosen, profile_of(reader, chosen.key, chosen.profile) if chosen else None)

    def show(self, snapshot: Profiled) -> None:
        """Fill the panes."""
        grid, profile = self.query_one("#columns", Grid), snapshot.profile
        grid.show(Window.of([_column_row(one) for one in profile.columns] if profile else []))
        name = snapshot.source.partition("/")[2]
        if profile is None:
            grid.head(f"Profile of {name}")
            for pane in ("#column", "#column-brief"):
                self.query_one(pane, Panel).show([line(("no profile", "dim"))])
            return
        labels = (
            "no label here" if profile.labelled is None else f"{profile.labelled:,}/{profile.target_rows:,} labelled"
        )
        grid.head(
            f"Profile of {name} {profile.snapshot[:6]}",
            f"{profile.rows:,} rows · {profile.duplicates:,} duplicates · {labels}",
        )
        self._show_column()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another column; all of them are here already."""
        event.stop()
        self._show_column()

    def _show_column(self) -> None:
        profile = self.body.profile if self.body else None
        if profile is None:
            return
        chosen = self.query_one("#columns", Grid).cursor_id
        one = next((column for column in profile.columns if column.name == chosen), profile.columns[0])
        panel = self.query_one("#column", Panel)
        panel.head(one.name, f"{one.kind} · {one.privacy}")
        width = max(panel.size.width, 20)
        lines = column_lines(one, profile, width, self.control.glyphs)
        panel.show(lines)
        brief = line((f"{one.name} ", "bold"), *_in_short(one))
        self.query_one("#column-brief", Panel).show([brief, line((one.hint or profile.target_says, "dim"))])

    def copied(self, _grid: Grid) -> str:
        """The profile as a command."""
        return f"trainmaster data profile {self.body.snapshot.key}" if self.body and self.body.snapshot else ""


def _column_row(one: ColumnView) -> Row:
    strong = one.correlation is not None and abs(one.correlation) >= 0.5
    return Row(
        one.name,
        (
            (one.name, "bold"),
            (one.kind, "dim"),
            (f"{one.missing:,}" if one.missing else "–", "warn" if one.missing else "dim"),
            (f"{one.distinct:,}", ""),
            (words.number(one.correlation), "warn" if strong else ""),
            ("knows?" if one.hint else "", "bad"),
        ),
    )


def _in_short(one: ColumnView) -> tuple[object, ...]:
    """What there is to say of a column in a few words."""
    if one.minimum:
        return (f"{one.minimum} … {one.maximum}", (f"  median {one.median}" if one.median else "", "dim"))
    if one.top:
        return (f"mostly {one.top[0][0]}", (f"  {one.top[0][1]:,} rows", "dim"))
    return ((f"{one.privacy}, {one.distinct:,} values", "dim"),)


def column_lines(one: ColumnView, profile: ProfileView, width: int, glyphs: Glyphs) -> list[Line]:
    """Everything about a column: figures, hint, histogram or most frequent values."""
    lines: list[Line] = []
    if one.hint:
        lines += [
            line((piece, "bad")) for piece in wrapped(f"{glyphs.alert} it may know the answer: {one.hint}", width, 3)
        ]
    share = one.missing / profile.rows if profile.rows else 0.0
    lines += [
        line(("missing  ", "dim"), f"{one.missing:,}", (f"  {words.percent(share, 1)}", "dim")),
        line(("distinct ", "dim"), f"{one.distinct:,}"),
    ]
    if one.privacy in ("personal", "protected"):
        return [*lines, (), line((f"{one.privacy}: its values are not shown", "dim"))]
    if one.minimum:
        lines.append(line(("range    ", "dim"), f"{one.minimum} … {one.median or '–'} … {one.maximum}"))
    if one.mean is not None:
        spread = f"{words.number(one.mean)} ± {words.number(one.deviation)}"
        lines.append(line(("mean     ", "dim"), spread))
    if one.correlation is not None:
        lines.append(line(("target   ", "dim"), words.number(one.correlation)))
    room = max(width - 24, 6)
    if one.bins:
        most = max(one.bins)
        lines += [(), line(("HISTOGRAM", "head"))]
        for at, count in enumerate(one.bins):
            label = _edge(one, at)
            drawn = histogram(
                count / profile.rows if profile.rows else 0, most / max(profile.rows, 1), room, glyphs.dark
            )
            lines.append(
                line((fit(label, 11, right=True), "dim"), " ", (fit(drawn, room), "now"), (f"{count:>9,}", ""))
            )
    if one.top:
        most = one.top[0][1]
        lines += [(), line(("MOST FREQUENT", "head"))]
        for value, count in one.top:
            drawn = histogram(count / most, 1.0, room, glyphs.full)
            lines.append(line((fit(value, 11), ""), " ", (fit(drawn, room), "now"), (f"{count:>9,}", "")))
    return lines


def _edge(one: ColumnView, at: int) -> str:
    edge = one.edges[at] if at < len(one.edges) else 0.0
    if one.kind == "time":
        from datetime import UTC, datetime

        return datetime.fromtimestamp(edge / 1e6, UTC).strftime("%y-%m-%d")
    return f"{edge:,.0f}" if abs(edge) >= 100 or float(edge).is_integer() else f"{edge:.3g}"
