"""Compare: is it really better? Two to twelve runs or trials side by side, their curves, and the verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.evaluation import EvaluationRow, evaluation_of_run
from app.store.queries.runs import Comparison, compare_runs
from app.store.queries.runs.curves import Curves, curves_of, shared_histories
from app.store.reader import Reader
from app.tui import judgement, run_acts
from app.tui.compare_lines import Beside, sign_of, table_lines, verdict_lines
from app.tui.curves import INKS, columns_of, curve_lines
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from app.services.runs import Paired


IMPORTANCE, CALIBRATION = "importance", "calibration"


@dataclass(frozen=True)
class Wish:
    """Which view at the right, how many columns of a curve, and whose importances.

    `paired` asks for the verdicts that take a second to compute.
    """

    view: int
    columns: int
    chosen: int
    baseline: str | None = None
    paired: bool = False


@dataclass(frozen=True)
class Body:
    """The comparison; beside it the curves of one metric, or what the evaluation of a run (`whose`) found."""

    found: Beside
    view: str = ""
    place: str = ""
    curves: Curves | None = None
    judged: EvaluationRow | None = None
    whose: str = ""


class CompareScreen(PlaceScreen):
    """Runs beside each other, pushed over the place that marked them."""

    place: ClassVar[str] = "runs"
    scope: ClassVar[str] = "compare"
    along: ClassVar[str] = "step"
    what: ClassVar[str] = "runs"
    AUTO_FOCUS = "#compared"

    def __init__(self, keys: Sequence[str], *, place: str = "runs") -> None:
        super().__init__()
        self.place = place  # type: ignore[misc]  # the place that opened it stays lit
        self.keys = tuple(keys)
        self._baseline: str | None = None
        self._chosen = 1
        self._view = 0
        self._all = False
        self._shown = False
        self._pairs: tuple[tuple[object, ...], tuple[Paired, ...]] = ((), ())

    def panes(self) -> ComposeResult:
        """Values at the left, curves and verdict at the right."""
        with Horizontal(classes="row"):
            yield Panel("Compare", id="compared")
            yield Panel("Curves", id="curves", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """What is shown at the right, at the width that there is."""
        columns = columns_of(max(self.query_one("#curves", Panel).size.width, 30), self.control.glyphs)
        return Wish(self._view, columns, self._chosen, self._baseline, self._shown)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The comparison, and what stands beside it; paired verdicts once the rest is on the screen."""
        found = compare_runs(reader, self.keys, baseline=wish.baseline)
        if wish.paired:
            found = self._with_paired(reader, found)
        metrics = tuple(shared_histories(reader, found.keys))
        views = (*metrics, IMPORTANCE, CALIBRATION)
        at = wish.view % len(views)
        place = f"{at + 1} of {len(views)}"
        if views[at] in metrics:
            return Body(found, views[at], place, curves_of(reader, found.keys, views[at], wish.columns))
        whose = found.keys[min(wish.chosen, len(found.keys) - 1)]
        return Body(found, views[at], place, judged=evaluation_of_run(reader, whose), whose=whose)

    def _with_paired(self, reader: Reader, found: Comparison) -> Comparison:
        """Paired verdicts, computed once for the same runs in the same states next to the same baseline."""
        from app.services import runs

        about = (found.baseline, *((run.row.key, run.row.state) for run in found.runs))
        if self._pairs[0] != about:
            self._pairs = about, runs.paired(reader, self.control.workspace, found)
        return runs.with_paired(found, self._pairs[1])

    def trail(self) -> str:
        """How many runs."""
        return f"compare {len(self.body.found.keys) if self.body else len(self.keys)}"

    def show(self, snapshot: Body) -> None:
        """Fill both panes."""
        if not self._shown:
            self._shown = True
            self.poller.nudge(soon=True)
        found = snapshot.found
        glyphs = self.control.glyphs
        self._chosen = min(max(self._chosen, 0), len(found.keys) - 1)
        compared = self.query_one("#compared", Panel)
        differ, total = found.counts()
        what = "everything" if self._all else "only differences (d)"
        compared.head(f"Parameters and metrics · {what}", f"{differ} of {total} differ")
        compared.show(table_lines(found, self._chosen, compared.size.width, glyphs, everything=self._all))
        self._show_beside(snapshot)
        brief = verdict_lines(found, max(self.size.width - 4, 20))[:2] or [line(("no metric tells them apart", "dim"))]
        self.query_one("#brief", Panel).show(brief)

    def _show_beside(self, body: Body) -> None:
        panel, found = self.query_one("#curves", Panel), body.found
        verdict = verdict_lines(found, max(panel.size.width, 20))
        note = f"{body.place} · [ ] other view" if body.place else ""
        if body.curves is not None:
            panel.head(f"{body.curves.metric} by {self.along} · {len(found.keys)} {self.what}", note)
            lines = self._curved(body.curves, found, len(verdict))
        else:
            panel.head(f"{body.view.capitalize()} of {body.whose[:6]} · ← → other run", note)
            lines = self._judged(body.view, body.judged, panel.size.width)
        panel.show([*lines, (), *verdict])

    def _judged(self, view: str, judged: EvaluationRow | None, width: int) -> list[Line]:
        glyphs = self.control.glyphs
        if judged is None:
            return [line(("This run registered no version: nothing is known of its features.", "dim"))]
        draw = judgement.importance if view == IMPORTANCE else judgement.calibration
        return draw(judged, width, glyphs)

    def _curved(self, curves: Curves, found: Beside, below: int) -> list[Line]:
        panel, glyphs = self.query_one("#curves", Panel), self.control.glyphs
        signs = {key: sign_of(at, found, glyphs) for at, key in enumerate(found.keys)}
        room = min(max(panel.size.height - below - len(found.keys) - 2, 6), 18)
        lines = curve_lines(curves, max(panel.size.width, 20), room, glyphs, signs)
        for at, curve in enumerate(curves.curves):
            if curve.points:
                lines.append(line((f"{signs[curve.run]} {curve.run[:6]}", INKS[at % len(INKS)])))
        return lines

    # -- keys ----------------------------------------------------------------------------------------------------

    def do_compare_differences(self) -> None:
        """Only what differs, or everything."""
        self._all = not self._all
        self._again()

    def do_compare_left(self) -> None:
        """Choose the run to the left."""
        self._choose(-1)

    def do_compare_right(self) -> None:
        """Choose the run to the right."""
        self._choose(1)

    def _choose(self, by: int) -> None:
        if self.body is not None:
            self._chosen = (self._chosen + by) % len(self.body.found.keys)
            self._again()
            self.poller.nudge()

    def do_compare_baseline(self) -> None:
        """Pin the chosen run as the baseline; it is kept in the store."""
        if self.body is not None:
            key = self.body.found.keys[self._chosen]
            self.keys = tuple(dict.fromkeys((*self.keys, *self.body.found.keys)))
            self._baseline = key
            self.control.start_act(run_acts.pin(self.control.acts, key), done=f"{key[:6]} is the baseline")

    def do_tab_next(self) -> None:
        """The next metric's curves, or the next plot."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The one before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._view += by
        self.poller.nudge(reload=True)

    def do_list_copy(self) -> None:
        """Copy the same comparison as a command."""
        text = f"trainmaster runs compare {' '.join(self.keys)}"
        self.app.copy_to_clipboard(text)
        self.control.say(f"copied {text}")

    def _again(self) -> None:
        if self.body is not None:
            self.show(self.body)


__all__ = ["CompareScreen"]
