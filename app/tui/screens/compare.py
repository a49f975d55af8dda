"""Compare: is it really better? Two to twelve runs side by side, their curves by step, and the verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.runs import Comparison, compare_runs
from app.store.queries.runs.curves import Curves, curves_of, shared_histories
from app.store.reader import Reader
from app.tui import run_acts
from app.tui.compare_lines import sign_of, table_lines, verdict_lines
from app.tui.curves import INKS, columns_of, curve_lines
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen


@dataclass(frozen=True)
class Wish:
    """Which curve, and how many columns of it."""

    curve: int
    columns: int


@dataclass(frozen=True)
class Body:
    """The comparison and the curves of one metric."""

    found: Comparison
    curves: Curves | None
    metrics: tuple[str, ...]


class CompareScreen(PlaceScreen):
    """Runs beside each other, pushed over the place that marked them."""

    place: ClassVar[str] = "runs"
    scope: ClassVar[str] = "compare"
    AUTO_FOCUS = "#compared"

    def __init__(self, keys: Sequence[str], *, place: str = "runs") -> None:
        super().__init__()
        self.place = place  # type: ignore[misc]  # the place that opened it stays lit
        self.keys = tuple(keys)
        self._baseline: str | None = None
        self._chosen = 1
        self._curve = 0
        self._all = False

    def panes(self) -> ComposeResult:
        """Values at the left, curves and verdict at the right."""
        with Horizontal(classes="row"):
            yield Panel("Compare", id="compared")
            yield Panel("Curves", id="curves", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """The curve that is shown, at the width that there is."""
        return Wish(self._curve, columns_of(max(self.query_one("#curves", Panel).size.width, 30), self.control.glyphs))

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The comparison, and the thinned histories of one metric."""
        found = compare_runs(reader, self.keys, baseline=self._baseline)
        metrics = tuple(shared_histories(reader, found.keys))
        curves = curves_of(reader, found.keys, metrics[wish.curve % len(metrics)], wish.columns) if metrics else None
        return Body(found, curves, metrics)

    def trail(self) -> str:
        """How many runs."""
        return f"compare {len(self.body.found.runs) if self.body else len(self.keys)}"

    def show(self, snapshot: Body) -> None:
        """Fill both panes."""
        found = snapshot.found
        glyphs = self.control.glyphs
        self._chosen = min(max(self._chosen, 0), len(found.runs) - 1)
        compared = self.query_one("#compared", Panel)
        differ, total = found.counts()
        what = "everything" if self._all else "only differences (d)"
        compared.head(f"Parameters and metrics · {what}", f"{differ} of {total} differ")
        compared.show(table_lines(found, self._chosen, compared.size.width, glyphs, everything=self._all))
        self._show_curves(snapshot)
        brief = verdict_lines(found, max(self.size.width - 4, 20))[:2] or [line(("no metric tells them apart", "dim"))]
        self.query_one("#brief", Panel).show(brief)

    def _show_curves(self, body: Body) -> None:
        panel, glyphs = self.query_one("#curves", Panel), self.control.glyphs
        width = max(panel.size.width, 20)
        verdict = verdict_lines(body.found, width)
        lines: list[Line] = []
        if body.curves is not None:
            signs = {key: sign_of(at, body.found, glyphs) for at, key in enumerate(body.found.keys)}
            room = min(max(panel.size.height - len(verdict) - len(body.found.runs) - 2, 6), 18)
            lines += curve_lines(body.curves, width, room, glyphs, signs)
            for at, curve in enumerate(body.curves.curves):
                if curve.points:
                    lines.append(line((f"{signs[curve.run]} {curve.run[:6]}", INKS[at % len(INKS)])))
            note = f"{self._curve % len(body.metrics) + 1} of {len(body.metrics)} · [ ] other metric"
            panel.head(f"{body.curves.metric} by step · {len(body.found.runs)} runs", note)
        else:
            panel.head("Curves")
            lines.append(line(("None of these runs has a history of a metric.", "dim")))
        panel.show([*lines, (), *verdict])

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
            self._chosen = (self._chosen + by) % len(self.body.found.runs)
            self._again()

    def do_compare_baseline(self) -> None:
        """Pin the chosen run as the baseline; it is kept in the store."""
        if self.body is not None:
            key = self.body.found.keys[self._chosen]
            self.keys = tuple(dict.fromkeys((*self.keys, *self.body.found.keys)))
            self._baseline = key
            self.control.start_act(run_acts.pin(self.control.acts, key), done=f"{key[:6]} is the baseline")

    def do_tab_next(self) -> None:
        """The next metric's curves."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The curves of the metric before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._curve += by
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
