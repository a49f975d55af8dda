"""Trials of one search side by side: what was tried, what it came to in each fold, and how it grew."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.errors import Usage
from app.store.queries.runs.comparing import FEWEST, MOST, Section, Value, line_of, section_of
from app.store.queries.runs.curves import Curve, Curves
from app.store.queries.trials import UNTUNED, ExperimentRow, TrialRow, gain_over_folds


@dataclass(frozen=True)
class TrialComparison:
    """Trials beside each other; `baseline` is the index of the one that the others are compared with."""

    search: str
    metric: str
    trials: tuple[TrialRow, ...]
    baseline: int
    sections: tuple[Section, ...]
    verdicts: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the trials."""
        return tuple(name_of(trial) for trial in self.trials)

    def counts(self) -> tuple[int, int]:
        """How many lines differ, and how many there are."""
        lines = [line for section in self.sections for line in section.lines]
        return sum(not line.same for line in lines), len(lines)


def compare_trials(
    search: ExperimentRow, chosen: Sequence[TrialRow], *, baseline: int | None = None
) -> TrialComparison:
    """Compare trials with the one whose number is `baseline`, else with the untuned one, else with the first of them.

    Raises Usage unless there are 2 to 12.
    """
    if not FEWEST <= len(chosen) <= MOST:
        raise Usage(f"{len(chosen)} trials are not {FEWEST} to {MOST}", next_step="mark some with space")
    trials = tuple(sorted(chosen, key=lambda trial: trial.number))
    wanted = UNTUNED if baseline is None else baseline
    at = next((at for at, trial in enumerate(trials) if trial.number == wanted), 0)
    metric = line_of(search.metric, [t.value for t in trials], at, [t.standard_error for t in trials])
    folds = max(len(trial.fold_values) for trial in trials)
    by_fold = [
        line_of(f"fold {fold + 1}", [t.fold_values[fold] if fold < len(t.fold_values) else None for t in trials], at)
        for fold in range(folds)
    ]
    sections = (
        section_of("trial", [_facts(trial) for trial in trials], at),
        section_of("parameters", [_parameters(trial) for trial in trials], at),
        Section("metrics", (metric, *by_fold)),
    )
    base = trials[at]
    gains = [(trial, gain_over_folds(trial, base, search.direction)) for trial in trials if trial is not base]
    verdicts = tuple(
        f"{name_of(trial)} {'beats' if gain.gain > 0 else 'is behind'} {name_of(base)}: {gain.says}"
        for trial, gain in gains
        if gain is not None and gain.gain != 0
    )
    return TrialComparison(search.key, search.metric, trials, at, sections, verdicts)


def trial_curves(found: TrialComparison, columns: int) -> Curves:
    """The means over the folds by the share of each trial's rounds, in percent."""
    last = max(columns - 1, 1)
    curves = []
    for trial in found.trials:
        points = tuple((round(share * last), value, value) for share, value in trial.curve)
        curves.append(Curve(name_of(trial), points, points[-1][1] if points else None))
    return Curves(found.metric, 0, 100, tuple(curves))


def name_of(trial: TrialRow) -> str:
    """What a comparison calls a trial."""
    return f"t{trial.number}"


def _facts(trial: TrialRow) -> dict[str, Value]:
    return {
        "learner": trial.learner,
        "state": trial.state,
        "rounds": None if trial.rounds is None else str(trial.rounds),
        "duration, s": trial.duration_s,
        "peak memory, MB": None if trial.peak_bytes is None else round(trial.peak_bytes / 2**20, 1),
    }


def _parameters(trial: TrialRow) -> dict[str, Value]:
    return {
        name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in trial.parameters.items()
    }


__all__ = ["TrialComparison", "compare_trials", "name_of", "trial_curves"]
