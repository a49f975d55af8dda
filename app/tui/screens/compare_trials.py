"""Compare trials: two to twelve of one search side by side, how each grew, and the gain fold by fold."""

from collections.abc import Sequence
from typing import ClassVar

from app.store.queries.trial_comparison import TrialComparison, compare_trials, trial_curves
from app.store.queries.trials import experiment, trials
from app.store.reader import Reader
from app.tui.screens.compare import Body, CompareScreen, Wish

MOST_TRIALS = 100_000


class CompareTrialsScreen(CompareScreen):
    """Trials beside each other, pushed over the place of searches."""

    along: ClassVar[str] = "% of its rounds"
    what: ClassVar[str] = "trials"

    def __init__(self, search: str, numbers: Sequence[int]) -> None:
        super().__init__([f"t{number}" for number in sorted(numbers)], place="experiments")
        self._search = search
        self._numbers = frozenset(numbers)

    def load(self, reader: Reader, wish: Wish) -> Body:
        """The comparison, and the curves by the share of each trial's rounds."""
        row = experiment(reader, self._search)
        chosen = [trial for trial in trials(reader, row.id, limit=MOST_TRIALS) if trial.number in self._numbers]
        baseline = int(wish.baseline.removeprefix("t")) if wish.baseline else None
        found: TrialComparison = compare_trials(row, chosen, baseline=baseline)
        return Body(found, curves=trial_curves(found, wish.columns))

    def do_compare_baseline(self) -> None:
        """Compare with the chosen trial; nothing is pinned."""
        if self.body is not None:
            self._baseline = self.body.found.keys[self._chosen]
            self.poller.nudge(soon=True)

    def do_tab_next(self) -> None:
        """There is one curve only."""

    def do_tab_previous(self) -> None:
        """There is one curve only."""

    def do_list_copy(self) -> None:
        """Copy the same comparison as a command."""
        numbers = " ".join(str(number) for number in sorted(self._numbers))
        text = f"trainmaster experiments compare {self._search} {numbers}"
        self.app.copy_to_clipboard(text)
        self.control.say(f"copied {text}")


__all__ = ["CompareTrialsScreen"]
