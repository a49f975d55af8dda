"""What the gates judge, measured on the untouched rows: the same for a new version and for one that is judged again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.gates import UNKNOWN, Evidence, Finding
from app.domain.ids import Ref
from app.domain.pricing import gain_of, level_for
from app.domain.problem import MetricName
from app.store.tables import Agreement, LineageEdge, Snapshot

if TYPE_CHECKING:
    import numpy as np

    from app.domain.project import ProjectFile
    from app.learning.canary import ChildVerdict
    from app.learning.evaluate import Slice
    from app.learning.judged import Judged
    from app.learning.package import Package
    from app.learning.signature import Signature

    Draws = Mapping[str, Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]]
SIGNATURES = 2


@dataclass(frozen=True)
class Opponent:
    """The version in production on the same rows; `metrics` is None when nothing can be compared."""

    ref: str = ""
    says: str = ""
    metrics: Mapping[str, float] | None = None
    predicted: Any = field(default=None, repr=False)
    signature: Signature | None = None


@dataclass(frozen=True)
class Contract:
    """What the snapshots behind the features say of their data contracts."""

    problems: tuple[str, ...]
    says: str = ""


def evidence_of(
    file: ProjectFile,
    judged: Judged,
    package: Package,
    proof: ChildVerdict,
    opponent: Opponent,
    *,
    metrics: Mapping[str, float],
    baseline: Mapping[str, float],
    slices: Sequence[Slice],
    draws: Draws,
    refusal: str,
    attempt: int,
    contract: Contract,
    judged_on: str,
) -> Evidence:
    """The evidence about a package; `draws` are the metric of model, baseline and production over paired resamples."""
    metric, gates = file.problem.judged_by, file.gates
    commit = package.manifest["commit"]
    levels = {"baseline": gates.confidence, "production": level_for(gates.confidence, attempt)}
    gains = {}
    for name, theirs in (("baseline", baseline), ("production", opponent.metrics)):
        if theirs is None:
            continue
        value = metric.gain(metrics.get(metric, math.nan), theirs.get(metric, math.nan))
        known = name in draws and metric in draws[name]
        pairs = zip(draws["model"][metric], draws[name][metric], strict=True) if known else ()
        between = [metric.gain(float(mine), float(other)) for mine, other in pairs]
        gains[name] = gain_of(value, between, level=levels[name], unknown=refusal or ("" if known else "no resamples"))
    worst, loss = _slices(metric, slices, judged, opponent, file)
    problem, says = schema_between(package, opponent)
    run = f"run:{package.manifest['run']}" if "run" in package.manifest else ""
    child = f"measured in the child that proved the package, {proof.rows} records one by one"
    return Evidence(
        metric=metric,
        model=metrics,
        baseline=baseline,
        production=opponent.metrics,
        production_says=opponent.says,
        commit=commit.get("sha"),
        dirty=bool(commit.get("dirty")),
        missing=package.missing(),
        canary_ok=proof.ok,
        canary_says=proof.says,
        over_baseline=gains.get("baseline"),
        over_production=gains.get("production"),
        against=opponent.ref,
        attempt=attempt,
        judged_on=judged_on,
        run=run,
        worst_slice=worst,
        slice_loss=loss,
        fairness=_fairness(file, judged),
        latency_ms=Finding(_or_nan(proof.latency_ms), f"p95 of one record ({child}), ms", run),
        memory_mb=Finding(_or_nan(proof.memory_mb), f"most memory ({child}), MB", run),
        schema_problem=problem,
        schema_says=says,
        contract_problems=contract.problems,
        contract_says=contract.says,
        card_missing=_card_missing(package),
    )


def schema_between(package: Package, opponent: Opponent) -> tuple[str, str]:
    """Whether what clients send to production today is enough for a package: a problem, or what holds."""
    from app.learning.signature import Signature

    theirs, mine = opponent.signature, Signature.of_json(package.manifest["signature"])
    if theirs is None:
        return "", "no version is in production yet"
    sent = {feature.name: feature.kind for feature in theirs.features}
    absent = [one.name for one in mine.features if one.name not in sent]
    other = [one.name for one in mine.features if one.name in sent and sent[one.name] != one.kind]
    if absent:
        return f"clients do not send {', '.join(absent)}: {opponent.ref} does not ask for it", ""
    if other:
        return f"another type than clients send: {', '.join(other)}", ""
    if (mine.task, mine.classes) != (theirs.task, theirs.classes):
        return f"it answers another question than {opponent.ref}", ""
    dropped = len(sent) - len(mine.features)
    return "", f"takes what clients send to {opponent.ref}" + (f"; {dropped} of it is not used" if dropped else "")


def contract_of(session: Session, project: str, project_id: int, features: int, file: ProjectFile) -> Contract:
    """What the contracts say of the snapshots behind a version of the features: shares turned away, and signatures."""
    snapshots = (
        select(Snapshot)
        .join(LineageEdge, col(LineageEdge.from_key) == col(Snapshot.key))
        .where(col(LineageEdge.from_kind) == "snapshot", col(LineageEdge.to_kind) == "features")
        .where(col(LineageEdge.to_key) == Ref("features", f"{project}/v{features}").key)
        .where(col(Snapshot.project_id) == project_id)
        .order_by(col(Snapshot.id))
    )
    rows = list(session.execute(snapshots).scalars().unique())
    if not rows:
        return Contract((f"no snapshot is known behind features v{features}",))
    problems = []
    for row in rows:
        source = file.sources.get(row.source)
        if source is None:
            problems.append(f"source {row.source} is in no contract any more")
        elif row.rows_in and row.quarantined / row.rows_in > source.max_quarantined_share:
            share, most = row.quarantined / row.rows_in, source.max_quarantined_share
            problems.append(f"snapshot {row.key} of {row.source}: {share:.1%} was turned away, at most {most:.1%} may")
    for name in sorted({row.source for row in rows}):
        source = file.sources.get(name)
        if source is not None and source.sign_off == "required":
            signed = session.execute(
                select(col(Agreement.role))
                .where(col(Agreement.project_id) == project_id, col(Agreement.source) == name)
                .where(col(Agreement.digest) == source.requirement_digest)
            )
            count = len(set(signed.scalars()))
            if count < SIGNATURES:
                problems.append(f"the contract of {name} has {count} of {SIGNATURES} signatures")
    sources = len({row.source for row in rows})
    return Contract(tuple(problems), f"{len(rows)} snapshots of {sources} sources keep their contracts")


def _slices(
    metric: MetricName, slices: Sequence[Slice], judged: Judged, opponent: Opponent, file: ProjectFile
) -> tuple[Finding, Finding]:
    """The worst value of any slice, and the largest loss of one against production; slices without a value say why."""
    from app.learning.evaluate import evaluate

    known = [part for part in slices if metric in part.metrics]
    if not file.problem.slices:
        return Finding(math.nan, "problem.slices names no column"), Finding(math.nan, "problem.slices names no column")
    if not known:
        return Finding(math.nan, "no slice is large enough"), Finding(math.nan, "no slice is large enough")
    worst = min(known, key=lambda part: metric.gain(part.metrics[metric], over=0.0))
    finding = Finding(worst.metrics[metric], f"worst slice {worst.column}={worst.value}: {metric}")
    if opponent.metrics is None or opponent.predicted is None:
        return finding, Finding(0.0, "no version is in production yet: loss")
    losses = []
    for part in known:
        rows = (judged.frame[part.column].map(_text) == part.value).to_numpy()
        if rows.sum() < 2:
            continue
        quantile = file.problem.quantile
        theirs = evaluate(judged.task, judged.truth[rows], opponent.predicted[rows], quantile=quantile)
        losses.append((metric.gain(theirs.get(metric, math.nan), over=part.metrics[metric]), part))
    if not losses:
        return finding, Finding(math.nan, "no slice can be compared")
    loss, part = max(losses, key=lambda pair: pair[0] if math.isfinite(pair[0]) else math.inf)
    return finding, Finding(loss, f"slice {part.column}={part.value} against {opponent.says}: loss of {metric}")


def _text(value: object) -> str:
    from app.learning.signature import category_text

    return (category_text(value) or "")[:100]


def _fairness(file: ProjectFile, judged: Judged) -> Finding:
    from app.learning.fairness import gap_of, largest_gap

    if file.gates.maximum_fairness_gap is None:
        return UNKNOWN
    names = protected_columns(file)
    if not names:
        return Finding(math.nan, "no column of a source has privacy = 'protected'")
    absent = [name for name in names if name not in judged.frame.columns]
    if absent:
        return Finding(math.nan, f"protected, but not among the test rows: {', '.join(absent)}")
    gaps = [gap_of(judged.task, name, judged.frame[name], judged.truth, judged.predicted) for name in names]
    gap = largest_gap(gaps)
    return Finding(gap.value, f"{gap.says}: gap")


def protected_columns(file: ProjectFile) -> tuple[str, ...]:
    """The protected attributes that the data requirement declares, in order."""
    return tuple(
        dict.fromkeys(
            name
            for source in file.sources.values()
            for name, rule in source.columns.items()
            if rule.privacy == "protected"
        )
    )


def kept_columns(file: ProjectFile, signature: Signature, frame: Sequence[str]) -> list[str]:
    """The columns of the test rows that judging again needs."""
    wanted = {*signature.names, *file.problem.slices, *protected_columns(file)}
    if file.problem.event_time:
        wanted.add(file.problem.event_time)
    return [name for name in frame if name in wanted]


def _card_missing(package: Package) -> tuple[str, ...]:
    from app.learning.card import card_of

    return card_of(package.manifest).missing


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


__all__ = ["Contract", "Opponent", "contract_of", "evidence_of", "kept_columns", "schema_between"]
