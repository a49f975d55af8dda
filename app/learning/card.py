"""A model card (Mitchell et al. 2019, "Model Cards for Model Reporting", arXiv 1810.03993) from a package's manifest.

What only a person can say comes from `[card]` in project.toml; what nobody has said is named, not left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.learning import plots
from app.learning.plots import Mark

MOST_BARS = 15
MOST_DOTS = 24


@dataclass(frozen=True)
class Fact:
    """A line of the card; `missing` names the key of project.toml that nobody has filled."""

    label: str
    text: str
    missing: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of the card."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A plot of the card, as SVG."""

    name: str
    svg: str


@dataclass(frozen=True)
class Section:
    """A heading of the card and what stands under it."""

    title: str
    parts: tuple[Fact | Grid | Picture, ...]


@dataclass(frozen=True)
class Card:
    """The nine sections in their order."""

    title: str
    sections: tuple[Section, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys of project.toml that nobody has filled."""
        return tuple(
            part.missing
            for section in self.sections
            for part in section.parts
            if isinstance(part, Fact) and part.missing
        )


def card_of(
    manifest: Mapping[str, Any],
    *,
    version: int | None = None,
    stage: str = "",
    made_at: str = "",
    gates: Sequence[str] = (),
) -> Card:
    """The card of a manifest; a part that an older manifest lacks is unknown."""
    facts = _at(manifest, "card")
    human, charter, problem = _at(facts, "human"), _at(facts, "charter"), _at(facts, "problem")
    name = str(manifest.get("model", "model"))
    title = f"{facts.get('title') or name}: version {version}" if version else str(facts.get("title") or name)
    return Card(
        title,
        (
            Section("Model details", _details(manifest, human, facts, version, stage, made_at)),
            Section("Intended use", _use(human, charter)),
            Section("Factors", (*_factors(problem), _human(human, "factors", "Relevant factors"))),
            Section("Metrics", _metrics(manifest, problem, gates)),
            Section("Evaluation data", (*_rows(manifest, "test"), _human(human, "evaluation_data", "Motivation"))),
            Section("Training data", (*_rows(manifest, "train"), _human(human, "training_data", "Description"))),
            Section("Quantitative analyses", _analyses(manifest)),
            Section("Ethical considerations", (_human(human, "ethical_considerations", "Ethical considerations"),)),
            Section("Caveats and recommendations", (*_caveats(manifest), _human(human, "caveats", "Caveats"))),
        ),
    )


def _details(
    manifest: Mapping[str, Any],
    human: Mapping[str, Any],
    facts: Mapping[str, Any],
    version: int | None,
    stage: str,
    made_at: str,
) -> tuple[Fact, ...]:
    commit, environment = _at(manifest, "commit"), _at(manifest, "environment")
    configuration = _at(manifest, "configuration")
    settings = ", ".join(f"{k}={v}" for k, v in sorted(_at(configuration, "parameters").items()))
    calibration = manifest.get("calibration")
    return (
        Fact("Model", str(manifest.get("model", "unknown"))),
        Fact("Version", f"{version or 'not registered'}{f' ({stage})' if stage else ''}"),
        Fact("Made", made_at or "unknown"),
        Fact("Owner", str(_at(facts, "charter").get("owner") or "unknown")),
        Fact("Type", f"{facts.get('learner', 'unknown')}, {configuration.get('rounds', '?')} rounds"),
        Fact("Calibration", str(calibration["method"]) if calibration else "none"),
        Fact("Hyperparameters", settings or "unknown"),
        Fact("Features", f"version {_at(manifest, 'features').get('version', 'unknown')}, {_inputs(manifest)}"),
        Fact("Commit", f"{commit.get('sha') or 'unknown'}{' (with changes)' if commit.get('dirty') else ''}"),
        Fact("Environment", ", ".join(f"{k} {v}" for k, v in sorted(environment.items()) if isinstance(v, str))),
        Fact("Digest", f"{manifest.get('digest', 'unknown')} ({manifest.get('format', 'unknown')})"),
        _human(human, "license", "License"),
        _human(human, "contact", "Contact"),
        _human(human, "citation", "Citation"),
    )


def _use(human: Mapping[str, Any], charter: Mapping[str, Any]) -> tuple[Fact, ...]:
    return (
        Fact("Goal", str(charter.get("goal") or "unknown")),
        Fact("KPI", str(charter.get("kpi") or "unknown")),
        _human(human, "primary_uses", "Primary uses"),
        _human(human, "primary_users", "Primary users"),
        _human(human, "out_of_scope", "Out of scope"),
    )


def _factors(problem: Mapping[str, Any]) -> tuple[Fact, ...]:
    names = ", ".join(map(str, problem.get("slices") or ())) or "none; name columns in problem.slices"
    return (Fact("Evaluated by", names),)


def _metrics(manifest: Mapping[str, Any], problem: Mapping[str, Any], gates: Sequence[str]) -> tuple[Fact | Grid, ...]:
    report = _at(manifest, "evaluation")
    intervals, unknown, baseline = _at(report, "intervals"), _at(report, "unknown"), _at(report, "baseline")
    rows = []
    for name, value in _at(manifest, "metrics").items():
        known = intervals.get(name)
        between = f"{known[0]:.4f} to {known[1]:.4f}" if known else str(unknown.get(f"{name} interval", "unknown"))
        base = baseline.get(name)
        rows.append((name, f"{value:.4f}", between, "unknown" if base is None else f"{base:.4f}"))
    threshold = "0.5" if problem.get("task") == "binary" else "none"
    return (
        Fact("Judged by", str(report.get("metric", "unknown"))),
        Fact("Verdict", str(_at(report, "verdict").get("says", "unknown"))),
        Fact("Decision threshold", threshold),
        Fact(
            "Variation", f"{report.get('resamples', 0)} bootstrap resamples of {report.get('blocks', 'unknown')}, 95 %"
        ),
        Grid(("metric", "value", "95 % interval", "baseline"), tuple(rows)),
        *(Fact("Unknown", f"{name}: {why}") for name, why in unknown.items() if name in baseline or "." in name),
        *(Fact("Gate", one) for one in gates),
    )


def _rows(manifest: Mapping[str, Any], side: str) -> tuple[Fact, ...]:
    window = _at(manifest, "windows").get(side) or [None, None]
    span = f"{window[0]} to {window[1]}" if window[0] else "no event time"
    return (
        Fact("Rows", str(_at(manifest, "rows").get(side, "unknown"))),
        Fact("Window", span),
        Fact("Features", f"version {_at(manifest, 'features').get('version', 'unknown')}"),
        Fact("Preprocessing", "numbers as they are, categories as codes, missing and infinite values as missing"),
    )


def _analyses(manifest: Mapping[str, Any]) -> tuple[Fact | Grid | Picture, ...]:
    report = _at(manifest, "evaluation")
    metric = str(report.get("metric", ""))
    parts: list[Fact | Grid | Picture] = []
    slices = [part for part in manifest.get("slices") or () if isinstance(part, Mapping)]
    rows = []
    for part in slices:
        value, known = _at(part, "metrics").get(metric), _at(part, "intervals").get(metric)
        rows.append(
            (
                f"{part.get('column')}={part.get('value')}",
                str(part.get("rows")),
                str(part.get("unknown") or "unknown") if value is None else f"{value:.4f}",
                "unknown" if known is None else f"{known[0]:.4f} to {known[1]:.4f}",
            )
        )
    if rows:
        parts.append(Grid(("slice", "rows", metric, "95 % interval"), tuple(rows)))
    else:
        parts.append(Fact("Slices", "none; name columns in problem.slices"))
    parts += pictures_of(manifest)
    return tuple(parts)


def pictures_of(manifest: Mapping[str, Any]) -> list[Picture]:
    """The plots of a manifest that have something to show: reliability, importance, learning curve, slices."""
    report = _at(manifest, "evaluation")
    metric = str(report.get("metric", ""))
    bins = [b for b in report.get("reliability") or () if isinstance(b, Mapping)]
    honest = [
        (b["confidence"], Mark(f"{b['rows']} rows: {b['observed']:.3f}", b["observed"], b["low"], b["high"]))
        for b in bins
    ]
    important = [i for i in report.get("importance") or () if isinstance(i, Mapping)][:MOST_BARS]
    key = "shap" if important and important[0].get("shap") is not None else "permutation"
    curves = [(name, [(p[0], p[1]) for p in points]) for name, points in _at(report, "curve").items() if name == metric]
    marks = [
        Mark(f"{p['column']}={p['value']}", p["metrics"][metric], *(_at(p, "intervals").get(metric) or (None, None)))
        for p in manifest.get("slices") or ()
        if metric in _at(p, "metrics")
    ][:MOST_DOTS]
    shown = (
        ("reliability", plots.reliability("Reliability", honest)),
        ("importance", plots.bars(f"Importance ({key})", [Mark(i["feature"], i[key]) for i in important])),
        ("learning-curve", plots.curve("Learning curve (test rows)", curves, x="round", y=metric)),
        ("slices", plots.dots(f"{metric} by slice", marks, line=_at(manifest, "metrics").get(metric))),
    )
    return [Picture(name, svg) for name, svg in shown if svg]


def _caveats(manifest: Mapping[str, Any]) -> tuple[Fact, ...]:
    found = []
    if _at(manifest, "commit").get("dirty"):
        found.append(Fact("Code", "trained from files that differ from the commit"))
    for name, why in _at(_at(manifest, "evaluation"), "unknown").items():
        found.append(Fact("Unknown", f"{name}: {why}"))
    return tuple(found)


def _human(human: Mapping[str, Any], key: str, label: str) -> Fact:
    text = str(human.get(key) or "").strip()
    if text:
        return Fact(label, text)
    return Fact(label, f"nobody has filled this; edit [card] {key} in project.toml", missing=key)


def _inputs(manifest: Mapping[str, Any]) -> str:
    features = _at(manifest, "signature").get("features") or ()
    categories = sum(1 for one in features if one.get("kind") == "category")
    return f"{len(features)} inputs, {categories} of them categories"


def _at(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


__all__ = ["Card", "Fact", "Grid", "Picture", "Section", "card_of", "pictures_of"]
