"""What is said of a search and of one of its trials: verdict, edges, hyperparameters, curve, progress."""

import math
from collections.abc import Sequence

from textual.geometry import Size

from app.store.queries.runs import RunRow
from app.store.queries.trials import UNTUNED, ExperimentRow, TrialRow, gain_over_folds
from app.tui import parts, words
from app.tui.charts import plot, sparkline
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line, wrapped

MOST_PARAMETERS = 12
CURVE_ROWS = 6


def better(row: ExperimentRow, value: float | None, than: float | None) -> float | None:
    """How much better a value is, positive when better, whatever the direction of the metric."""
    if value is None or than is None:
        return None
    return value - than if row.direction == "higher" else than - value


def story(
    row: ExperimentRow, run: RunRow | None, edges: Sequence[str], trials: Sequence[TrialRow], width: int, glyphs: Glyphs
) -> list[Line]:
    """The search: how it stands, what is best by how much over the untuned learner, why it ended, what to widen."""
    lines: list[Line] = [
        line(("state    ", "dim"), parts.state(row.state, glyphs)),
        line(("trials   ", "dim"), (f"{row.trials}, {row.pruned} given up, {row.failed} failed", "dim")),
    ]
    if run is not None and run.state == "running":
        lines.append(line(("progress ", "dim"), *parts.progress(run, max(width - 22, 8), glyphs), _eta(run)))
    gain = better(row, row.best_value, row.first_value)
    lines.append(
        line(
            ("best     ", "dim"),
            (f"trial {row.best} {row.best_learner or ''}" if row.best is not None else "none yet", "bold"),
            (f"   {row.metric} {words.number(row.best_value, 4)}", ""),
        )
    )
    if gain is not None:
        lines += _verdict(row, trials, gain, width)
    if row.stopped:
        lines += _told("ended    ", row.stopped, width, "dim")
    for says in edges:
        lines += _told("edge     ", says, width, "warn")
    return lines


def _verdict(row: ExperimentRow, trials: Sequence[TrialRow], gain: float, width: int) -> list[Line]:
    """The best trial against the untuned one, fold by fold where both have all folds."""
    if row.best == UNTUNED:
        return _told("verdict  ", "no trial is better than the untuned learner yet", width, "dim")
    best, untuned = (next((one for one in trials if one.number == at), None) for at in (row.best, UNTUNED))
    sure = gain_over_folds(best, untuned, row.direction) if best and untuned else None
    if sure is None:
        return [line(("untuned  ", "dim"), (f"{words.signed(gain, 4)} better", "ok" if gain > 0 else "dim"))]
    told = f"{'beats' if sure.gain > 0 else 'is behind'} the untuned learner by {words.number(abs(sure.gain), 4)} "
    told += f"± {words.number(sure.standard_error, 4)} over {sure.folds} folds, better in {sure.better_in}"
    return _told("verdict  ", told, width, "ok" if sure.gain > 2 * sure.standard_error else "dim")


def one(row: ExperimentRow, trial: TrialRow, size: Size, glyphs: Glyphs) -> list[Line]:
    """A trial: value with its error, the folds, hyperparameters, the curve."""
    width = max(size.width, 30)
    error = f" ± {words.number(trial.standard_error, 4)}" if trial.standard_error is not None else ""
    lines: list[Line] = [
        line((f"trial {trial.number} ", "head"), (trial.learner, "head"), "  ", parts.state(trial.state, glyphs)),
        line((fit(row.metric, 9), "dim"), (words.number(trial.value, 4), "bold"), (error, "dim")),
    ]
    if trial.fold_values:
        lines.append(line(("folds    ", "dim"), ("  ".join(words.number(v, 4) for v in trial.fold_values), "")))
    if trial.says:
        lines += _told("why      ", trial.says, width, "bad")
    facts = f"{words.lasted(trial.duration_s)}, {trial.rounds or '–'} rounds, {words.size(trial.peak_bytes)}"
    lines.append(line(("took     ", "dim"), (facts, "")))
    for name, value in list(trial.parameters.items())[:MOST_PARAMETERS]:
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        lines.append(line((fit(name, 22), "dim"), (shown, "")))
    values = [value for _, value in trial.curve if math.isfinite(value)]
    if len(values) > 1:
        low, high = min(values), max(values)
        rows = plot(values, width - 8, CURVE_ROWS, low=low, high=high or 1.0, glyphs=glyphs) if high > low else []
        lines += [(), line((f"{row.metric} by rounds, mean of the folds", "head"))]
        for at, text in enumerate(rows):
            label = words.number(high if at == 0 else low, 3) if at in (0, len(rows) - 1) else ""
            lines.append(line((f"{label:>6} ", "dim"), (text, "now")))
    return lines


def brief(row: ExperimentRow, run: RunRow | None, trials: Sequence[TrialRow], width: int, glyphs: Glyphs) -> list[Line]:
    """Two lines for a narrow screen: the best, and how values came; how far the search is while it runs."""
    best = f"best trial {row.best} {row.best_learner}" if row.best is not None else "no best yet"
    values = [trial.value for trial in trials if trial.value is not None]
    return [
        line(parts.state(row.state, glyphs), (f"  {best}  {row.metric} {words.number(row.best_value, 4)}", "")),
        line((sparkline(values, max(width - 40, 8), glyphs), "now"), "  ", *_how_far(row, run, glyphs)),
    ]


def _how_far(row: ExperimentRow, run: RunRow | None, glyphs: Glyphs) -> Line:
    if run is None or run.state != "running":
        return ((row.stopped, "dim"),)
    return (*parts.progress(run, 20, glyphs), _eta(run))


def _eta(run: RunRow) -> tuple[str, str]:
    return (f"  {words.span(run.eta_s)} to go" if run.eta_s else "", "dim")


def _told(name: str, says: str, width: int, ink: str) -> list[Line]:
    return [
        line((name if at == 0 else " " * len(name), "dim"), (part, ink))
        for at, part in enumerate(wrapped(says, max(width - len(name), 10), 3))
    ]


__all__ = ["better", "brief", "one", "story"]
