"""What an evaluation found, as lines: the verdict, importances, calibration, and what a card says and lacks."""

from collections.abc import Mapping

from app.store.queries.evaluation import EvaluationRow
from app.store.queries.registry import VersionRow
from app.tui import words
from app.tui.glyphs import Glyphs
from app.tui.lines import Line, fit, line

NAME = 30
BAR = 24


def verdict(judged: EvaluationRow | None, glyphs: Glyphs) -> list[Line]:
    """The verdict in words; green or red only where the difference means something."""
    if judged is None or not judged.verdict:
        return []
    worse = "behind" in judged.verdict
    ink = "warn" if judged.significant is None else "dim" if not judged.significant else "bad" if worse else "ok"
    how = f"  {judged.resamples} resamples of {judged.blocks}" if judged.resamples else ""
    return [line((f"{glyphs.arrow} ", ink), (judged.verdict, "bold"), (how, "dim")), ()]


def bounds(metrics: Mapping[str, float], key: str) -> str:
    """The 95 % interval of a metric, or nothing.

    >>> bounds({"auc": 0.7, "auc.low": 0.69, "auc.high": 0.71}, "auc")
    '   .690 to .710'
    """
    low, high = metrics.get(f"{key}.low"), metrics.get(f"{key}.high")
    return "" if low is None or high is None else f"   {words.number(low)} to {words.number(high)}"


def importance(judged: EvaluationRow | None, width: int, glyphs: Glyphs) -> list[Line]:
    """A bar a feature: SHAP where there is one, else what shuffling the column costs."""
    if judged is None or not judged.importance:
        return [line(("unknown: ", "warn"), ("this version keeps no importances", "dim"))]
    shap = judged.importance[0].shap is not None
    name = min(NAME, max(14, width - 40))
    room = max(8, min(BAR, width - name - 32))
    most = max((abs((one.shap if shap else one.permutation) or 0.0) for one in judged.importance), default=0.0) or 1.0
    lines = [
        line(
            (fit("feature", name), "head"),
            (fit("shap" if shap else "permutation", room + 1), "head"),
            (f"{'shap':>8}{'gain':>8}{judged.metric[:8] + ' lost':>14}", "head"),
        )
    ]
    for one in judged.importance:
        value = (one.shap if shap else one.permutation) or 0.0
        filled = round(abs(value) / most * room)
        lines.append(
            line(
                (fit(one.feature, name), ""),
                (glyphs.full * filled + " " * (room - filled + 1), "accent"),
                (f"{words.number(one.shap) if one.shap is not None else '–':>8}", "bold"),
                (f"{words.number(one.gain) if one.gain is not None else '–':>8}", "dim"),
                (f"{words.number(one.permutation, 4) if one.permutation is not None else '–':>14}", "dim"),
            )
        )
    return lines


def calibration(judged: EvaluationRow | None, width: int, glyphs: Glyphs) -> list[Line]:
    """A row a bin: what was promised, what happened and its interval; the mark shows where honesty would be."""
    if judged is None or not judged.reliability:
        why = judged.unknown.get("reliability", "unknown: no bins are kept") if judged else "unknown: no bins are kept"
        return [line((why, "warn"))]
    room = max(10, min(40, width - 50))
    lines = [line((f"{'predicted':>9} {'observed':>9}   {'95 %':<15}{'rows':>8}  ", "head"))]
    for one in judged.reliability:
        filled, mark = round(one.observed * room), min(round(one.confidence * room), room - 1)
        cells = [glyphs.full if at < filled else " " for at in range(room)]
        honest = one.low <= one.confidence <= one.high
        lines.append(
            line(
                (f"{words.number(one.confidence):>9} ", "dim"),
                (f"{words.number(one.observed):>9}   ", "bold" if honest else "warn"),
                (f"{words.number(one.low)} to {words.number(one.high)}".ljust(15), "dim"),
                (f"{one.rows:>8,}  ", "dim"),
                ("".join(cells[:mark]), "accent"),
                ("|", "warn"),
                ("".join(cells[mark + 1 :]), "accent"),
            )
        )
    return lines


def card(judged: EvaluationRow | None, version: VersionRow) -> list[Line]:
    """What people wrote, what nobody wrote, and where the whole card is."""
    lines = [
        line((fit("digest", 24), "dim"), version.digest[:24]),
        line((fit("size", 24), "dim"), words.size(version.size_bytes)),
        line((fit("commit", 24), "dim"), (version.commit or "–")[:24], (" dirty" if version.dirty else "", "warn")),
    ]
    if judged is not None:
        lines.append(line((fit("verdict", 24), "dim"), judged.verdict or "unknown"))
        for key, text in judged.human.items():
            name = (fit(key.replace("_", " "), 24), "dim")
            empty = ("nobody has filled this; edit [card] in project.toml", "warn")
            lines.append(line(name, (text, "")) if text else line(name, empty))
    command = f"trainmaster models card {version.model} --version {version.version} --output card.html"
    return [*lines, (), line(("the whole card  ", "dim"), (command, "key"))]


__all__ = ["bounds", "calibration", "card", "importance", "verdict"]
