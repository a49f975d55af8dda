"""Experiments: is it really better? Searches, their trials as they come, and what is said of the best."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from app.domain.errors import NotFound
from app.store.queries.runs import RunRow, run_detail
from app.store.queries.trials import UNTUNED, ExperimentRow, TrialRow, edges, experiments, newest_trials
from app.store.reader import Reader
from app.tui import parts, trials, words
from app.tui.charts import sparkline
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import line
from app.tui.panel import Panel
from app.tui.screens.compare_trials import CompareTrialsScreen
from app.tui.screens.place import PlaceScreen
from app.tui.screens.run import RunScreen, ask_cancel

SHOWN, TRIALS = 200, 1000
MOST_COMPARED = 12
SEARCHES = (
    Column("search", "SEARCH", 7, cut=True, wide=13),
    Column("project", "PROJECT", 12, drop=3, grow=True),
    Column("state", "STATE", 11),
    Column("trials", "TRIALS", 8, right=True),
    Column("best", "BEST", 7, right=True, sort="best"),
    Column("gain", "UNTUNED", 8, right=True, drop=2),
    Column("learner", "LEARNER", 9, drop=1),
    Column("when", "WHEN", 6, right=True, drop=4),
)
COLUMNS = (
    Column("trial", "TRIAL", 6, right=True, sort="trial"),
    Column("learner", "LEARNER", 9, sort="learner", grow=True),
    Column("state", "STATE", 11, sort="state"),
    Column("value", "VALUE", 7, right=True, sort="value"),
    Column("error", "± SE", 6, right=True, drop=3),
    Column("rounds", "ROUNDS", 6, right=True, drop=2, sort="rounds"),
    Column("took", "TOOK", 7, right=True, drop=1, sort="took"),
    Column("curve", "CURVE", 8, drop=4),
)


@dataclass(frozen=True)
class Wish:
    """The search and the trial under the cursors."""

    search: str | None
    trial: int | None


@dataclass(frozen=True)
class Body:
    """All searches, and of the chosen one: its trials, the trial under the cursor, its run, what lies at an edge."""

    searches: tuple[ExperimentRow, ...]
    chosen: ExperimentRow | None
    trials: tuple[TrialRow, ...]
    trial: TrialRow | None
    run: RunRow | None
    edges: tuple[str, ...]


class ExperimentsScreen(PlaceScreen):
    """Searches above, trials by their metric below, the chosen trial at the right."""

    place: ClassVar[str] = "experiments"
    AUTO_FOCUS = "#searches"

    def panes(self) -> ComposeResult:
        """Two lists and the story."""
        none = parts.empty("Nothing was searched yet.", "r", "searches the only project", "trainmaster train search")
        with Horizontal(classes="row"):
            with Vertical(classes="column", id="lists"):
                yield Grid(SEARCHES, id="searches", title="Searches", empty=none, classes="bare")
                empty = (line(("no trial yet", "dim")),)
                grid = Grid(COLUMNS, id="trials", title="Trials", empty=empty, sorts=False, classes="bare")
                grid.choice.sort = "value"
                yield grid
            yield Panel("Trial", id="detail", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """What is under the cursors."""
        search, trial = (self.query_one(name, Grid).cursor_id for name in ("#searches", "#trials"))
        number = trial[1] if isinstance(trial, tuple) and trial[0] == search else None
        return Wish(str(search) if search else None, number)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """Searches, and the chosen one whole."""
        found = tuple(experiments(reader, limit=SHOWN))
        chosen = next((one for one in found if one.key == wish.search), found[0] if found else None)
        if chosen is None:
            return Body((), None, (), None, None, ())
        tried = tuple(newest_trials(reader, chosen.id, limit=TRIALS))
        number = wish.trial if wish.trial is not None else chosen.best
        trial = next((one for one in tried if one.number == number), tried[-1] if tried else None)
        try:
            run: RunRow | None = run_detail(reader, chosen.last_run).row
        except NotFound:
            run = None
        return Body(found, chosen, tried, trial, run, edges(reader, chosen.id))

    def show(self, snapshot: Body) -> None:
        """Fill the lists and the story."""
        self._show_searches(snapshot)
        self._show_trials(snapshot)
        self._show_detail(snapshot)

    def tick(self) -> None:
        """Ages move."""
        self._show_searches(self.body)

    def _show_searches(self, body: Body) -> None:
        now, glyphs = self.control.clock(), self.control.glyphs
        rows = []
        for one in body.searches:
            gain = trials.better(one, one.best_value, one.first_value)
            rows.append(
                Row(
                    one.key,
                    (
                        (one.key, ""),
                        (one.project, ""),
                        parts.state(one.state, glyphs),
                        (f"{one.trials}", ""),
                        (words.number(one.best_value), "bold"),
                        (words.signed(gain), "ok" if (gain or 0) > 0 else "dim"),
                        (one.best_learner or "–", ""),
                        (words.ago(one.created_at, now), "dim"),
                    ),
                )
            )
        grid = self.query_one("#searches", Grid)
        grid.show(Window.of(rows))
        under_way = sum(1 for one in body.searches if not one.ended)
        grid.head("Searches", f"{len(rows)} · {under_way} under way" if rows else "")

    def _show_trials(self, body: Body) -> None:
        grid, glyphs, chosen = self.query_one("#trials", Grid), self.control.glyphs, body.chosen
        if chosen is None:
            grid.show(Window.of([]))
            return
        rows = [
            Row(
                (chosen.key, one.number),
                (
                    (f"{glyphs.star if one.number == chosen.best else ''}{one.number}", ""),
                    (one.learner, ""),
                    parts.state(one.state, glyphs),
                    (words.number(one.value), "bold" if one.number == chosen.best else ""),
                    (words.number(one.standard_error), "dim"),
                    (words.number(one.rounds), ""),
                    (words.lasted(one.duration_s), "dim"),
                    (sparkline([value for _, value in one.curve], 8, glyphs), "now"),
                ),
            )
            for one in _ordered(body.trials, grid.choice.sort or "value", grid.choice.descending, chosen.direction)
        ]
        grid.show(Window.of(rows))
        grid.head(f"Trials of {chosen.key[:6]}", f"{chosen.metric}, {chosen.direction} is better")

    def _show_detail(self, body: Body) -> None:
        panel, brief = self.query_one("#detail", Panel), self.query_one("#brief", Panel)
        if body.chosen is None:
            for pane in (panel, brief):
                pane.show([line(("nothing is chosen", "dim"))])
            return
        glyphs, chosen = self.control.glyphs, body.chosen
        lines = trials.story(chosen, body.run, body.edges, body.trials, max(panel.size.width, 30), glyphs)
        if body.trial is not None:
            lines += [(), *trials.one(chosen, body.trial, panel.size, glyphs)]
        panel.show(lines)
        panel.head(f"{chosen.key[:6]} {chosen.project} · features v{chosen.features}")
        brief.show(trials.brief(chosen, body.run, body.trials, brief.size.width, glyphs))

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """The other panes follow."""
        event.stop()
        self.poller.nudge()

    def on_grid_sorted(self, event: Grid.Sorted) -> None:
        """Another order of the trials."""
        event.stop()
        if self.body is not None:
            self._show_trials(self.body)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """The run of the search, or of the trial."""
        event.stop()
        body: Body = self.body
        if event.grid.id == "trials" and body.trial is not None:
            self.app.push_screen(RunScreen(body.trial.run))
        elif body.chosen is not None:
            self.app.push_screen(RunScreen(body.chosen.last_run))

    def do_search_run(self) -> None:
        """Search, or go on with the chosen search when it ended early."""
        chosen = self.body.chosen if self.body else None
        project = chosen.project if chosen else self.control.only_project()
        if project is None:
            return
        early = chosen is not None and chosen.ended and chosen.finished_at is None
        parameters: dict[str, object] = {"resume": chosen.key} if chosen is not None and early else {}
        says = (
            f"asked to go on with {chosen.key}" if chosen is not None and early else f"asked for a search of {project}"
        )
        self.control.start_act(self.control.acts.request(project, "experiment", parameters=parameters), done=says)

    def do_search_register(self) -> None:
        """Train as the chosen trial was configured, and register the version."""
        chosen, trial = (self.body.chosen, self.body.trial) if self.body else (None, None)
        if chosen is None or trial is None or trial.state != "completed":
            self.control.say("choose a completed trial first", severity="warning")
            return
        parameters: dict[str, object] = {"from": chosen.key, "trial": trial.number}
        self.control.start_act(
            self.control.acts.request(chosen.project, "train", parameters=parameters),
            done=f"asked for a training as trial {trial.number} of {chosen.key[:6]}",
        )

    def do_search_compare(self) -> None:
        """Compare the marked trials of the chosen search, or the one under the cursor with the untuned one."""
        chosen, trial = (self.body.chosen, self.body.trial) if self.body else (None, None)
        marks = self.query_one("#trials", Grid).choice.marks
        if chosen is None:
            return
        numbers = {mark[1] for mark in marks if isinstance(mark, tuple) and mark[0] == chosen.key}
        if len(numbers) < 2 and trial is not None:
            numbers |= {trial.number} if numbers else {trial.number, UNTUNED}
        if not 2 <= len(numbers) <= MOST_COMPARED:
            self.control.say(f"Mark 2 to {MOST_COMPARED} trials with space, then c compares them.", severity="warning")
            return
        self.app.push_screen(CompareTrialsScreen(chosen.key, sorted(numbers)))

    def do_run_cancel(self) -> None:
        """Stop the search, after a yes; it can go on later."""
        if self.body and self.body.run is not None:
            ask_cancel(self.control, self.body.run)

    def do_run_logs(self) -> None:
        """The log of the search's run."""
        if self.body and self.body.chosen is not None:
            self.app.push_screen(RunScreen(self.body.chosen.last_run, tab="log"))

    def copied(self, grid: Grid) -> str:
        """The training from the chosen trial as a command."""
        body: Body = self.body
        if grid.id == "trials" and body.chosen is not None and body.trial is not None:
            return f"trainmaster train run --from {body.chosen.key} --trial {body.trial.number}"
        return str(grid.cursor_id)


def _ordered(found: tuple[TrialRow, ...], sort: str, descending: bool, direction: str) -> list[TrialRow]:
    """The trials by a column, those without a value last; best first is `value` descending, whatever the metric.

    By value, a trial that was given up is among the last: what it had after some rounds or folds compares with no mean.
    """
    sign = 1.0 if direction == "higher" else -1.0
    keys: dict[str, Callable[[TrialRow], float | None]] = {
        "trial": lambda one: float(one.number),
        "value": lambda one: None if one.value is None or one.state == "pruned" else sign * one.value,
        "rounds": lambda one: None if one.rounds is None else float(one.rounds),
        "took": lambda one: one.duration_s,
        "error": lambda one: one.standard_error,
    }
    if sort in ("learner", "state"):
        return sorted(found, key=lambda one: (getattr(one, sort), one.number), reverse=descending)
    read = keys[sort if sort in keys else "value"]
    known = [(value, one) for one in found if (value := read(one)) is not None]
    rest = [one for one in found if read(one) is None]
    known.sort(key=lambda pair: (pair[0], -pair[1].number), reverse=descending)
    return [one for _, one in known] + rest


__all__ = ["ExperimentsScreen"]
