"""The features tab of Data & Features: versions, what each changed, what of it is online, and whether that agrees."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.features import FeatureSetRow, ViewRow, feature_sets
from app.store.queries.online import OnlinePublishRow, SkewRow, newest_publish, skew_checks
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.glyphs import Glyphs
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
    """Feature versions, the chosen one with the one before it, and the online store of its project."""

    features: tuple[FeatureSetRow, ...]
    chosen: FeatureSetRow | None
    before: FeatureSetRow | None
    online: OnlinePublishRow | None
    skew: SkewRow | None


class FeaturesTab(Tab):
    """Feature versions, each with what it changed at the right."""

    key: ClassVar[str] = "features"
    title: ClassVar[str] = "Features"
    scope: ClassVar[str] = "features"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        unbuilt = parts.empty("No features are built yet.", "r", "builds", "trainmaster features build")
        with Horizontal(classes="row"):
            yield Grid(FEATURES, id="features", title="Feature versions", empty=unbuilt)
            yield Panel("Changes", id="views", classes="wide-only")
        yield Panel(id="features-brief", classes="brief")

    def wish(self) -> str:
        """The chosen version."""
        chosen = self.query_one("#features", Grid).cursor_id
        return str(chosen) if chosen else ""

    def load(self, reader: Reader, wish: str) -> Body:
        """Every version, and what is online of the chosen one's project."""
        sets = tuple(feature_sets(reader))
        chosen = next((f for f in sets if f"{f.project}/{f.version}" == wish), sets[0] if sets else None)
        if chosen is None:
            return Body(sets, None, None, None, None)
        older = (f for f in sets if f.project == chosen.project and f.version < chosen.version)
        checks = skew_checks(reader, project=chosen.project, limit=1)
        return Body(
            sets, chosen, next(older, None), newest_publish(reader, chosen.project), checks[0] if checks else None
        )

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        grid = self.query_one("#features", Grid)
        grid.show(Window.of(_feature_rows(snapshot.features, self.control.clock())))
        grid.head(f"Feature versions · {len(snapshot.features)}")
        panel, brief = self.query_one("#views", Panel), self.query_one("#features-brief", Panel)
        chosen = snapshot.chosen
        if chosen is None:
            panel.head("Changes")
            panel.show([line(("nothing is chosen", "dim"))])
            brief.show([line("no features yet  ", ("r", "key"), (" builds", "dim"))])
            return
        against = f" against v{snapshot.before.version}" if snapshot.before is not None else ""
        panel.head(f"v{chosen.version}{against}", chosen.digest[:12])
        agreement = _agreement(snapshot, self.control.clock(), self.control.glyphs)
        width = max(panel.size.width, 20)
        lines = [*_changes(chosen, snapshot.before, width), (), *agreement, ()]
        keys = " ".join(key[:6] for key in chosen.snapshots)
        lines += [line(("FROM SNAPSHOTS", "head")), *(line(piece) for piece in wrapped(keys, width, 4))]
        panel.show(lines)
        brief.show(agreement[:2])

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another version."""
        event.stop()
        self.place.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the changes."""
        event.stop()
        pane = self.query_one("#views", Panel)
        if pane.display:
            pane.focus()

    def do_data_run(self) -> None:
        """Build features."""
        self._request("features")

    def do_features_test(self) -> None:
        """Bring the newest features online and compare them with the offline store."""
        self._request("materialize")

    def _request(self, flow: str) -> None:
        chosen = self.body.chosen if self.body else None
        project = chosen.project if chosen is not None else self.control.only_project()
        if project is not None:
            self.control.start_act(
                self.control.acts.request(project, flow), done=f"{flow} of {project} requested; 3 shows it"
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


def _changes(chosen: FeatureSetRow, before: FeatureSetRow | None, width: int) -> list[Line]:
    """A line a view: rows and what they gained, whether its rule changed, columns that came and went."""
    old = {view.name: view for view in before.views} if before is not None else {}
    lines: list[Line] = []
    for view in chosen.views:
        lines.append(_view_line(view, old.get(view.name), is_first=before is None))
        lines += [line("  ", (piece, "dim")) for piece in wrapped(" ".join(view.columns), width - 2, 2)]
        was = old.get(view.name)
        if was is not None:
            lines += [line("  ", (f"+ {name}", "ok")) for name in view.columns if name not in was.columns]
            lines += [line("  ", (f"- {name}", "bad")) for name in was.columns if name not in view.columns]
    gone = [name for name in old if name not in {view.name for view in chosen.views}]
    return [*lines, *(line((f"- {name}", "bad")) for name in gone)]


def _view_line(view: ViewRow, was: ViewRow | None, *, is_first: bool) -> Line:
    if was is None:
        gain, rule = ("", "" if is_first else "new view")
    else:
        gain = f"{view.rows - was.rows:+,}" if view.rows != was.rows else "="
        rule = "rule changed" if view.function != was.function else ""
    return line((fit(view.name, 20), "bold"), f"{view.rows:>10,}", (f"{gain:>9} ", "dim"), (rule, "accent"))


def _agreement(body: Body, now: datetime, glyphs: Glyphs) -> Sequence[Line]:
    """What is online, and what the last comparison with the offline store found."""
    online, skew = body.online, body.skew
    if online is None:
        return [line(("nothing is online  ", "dim"), ("t", "key"), (" brings it online", "dim"))]
    waiting = sum(view.waiting for view in online.views)
    first = line(
        ("online ", "dim"),
        (f"v{online.version}", "bold"),
        f" {online.rows:,} rows",
        (f", {waiting:,} not known yet" if waiting else "", "warn"),
        (f"  {words.ago(online.created_at, now)} ago", "dim"),
    )
    if skew is None:
        return [first, line(("never compared with offline  ", "warn"), ("t", "key"), (" compares", "dim"))]
    good = skew.differences == 0
    second = line(
        (f"{glyphs.ok if good else glyphs.bad} skew ", "ok" if good else "bad"),
        (f"{skew.differences:,} differences", "bold"),
        f" in {skew.compared:,} values",
        (f"  {words.ago(skew.created_at, now)} ago", "dim"),
    )
    return [first, second]
