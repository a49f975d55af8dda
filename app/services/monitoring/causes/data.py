"""Suspects among the data: sources and their snapshots, labels, and the features that moved."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.services.monitoring.causes.case import Case, document_of, views_of
from app.services.monitoring.causes.comparing import Difference, Span, differences
from app.services.monitoring.causes.suspects import Suspect, strength
from app.store.moments import parse_utc
from app.store.reader import Reader

MOST_BEFORE = 6
"""With how many earlier deliveries of a source a new one is compared."""
UNTIED = 0.6
"""What a change weighs that no name ties to the feature of the alert."""

_SNAPSHOTS = """
SELECT s.key, s.source, s.profile, s.digest, s.rows, s.created_at, s.time_from, s.time_to FROM snapshot s
WHERE s.project_id = (SELECT id FROM project WHERE name = :project) AND s.created_at <= :until ORDER BY s.id
"""


@dataclass(frozen=True)
class Moved:
    """A feature whose distribution moved between the last good window and the first bad one."""

    feature: str
    psi: float
    missing: float


def moved_features(reader: Reader, case: Case) -> list[Moved]:
    """Features of the reports by how far they moved, the farthest first."""
    bad = document_of(reader, case.bad.profile).get("shares", {})
    good = document_of(reader, case.good.profile if case.good else None).get("shares", {}) or _trained(reader, case)
    found = []
    for name, now in bad.items():
        before = good.get(name)
        if name != "score" and isinstance(before, list) and len(before) == len(now):
            found.append(Moved(name, _psi(before, now), float(now[-1]) - float(before[-1])))
    return sorted(found, key=lambda one: -one.psi)


def feature_suspects(moved: Sequence[Moved], case: Case, explained: frozenset[str]) -> list[Suspect]:
    """The features themselves; one whose source or rule is a suspect already is a symptom and weighs less."""
    found = []
    for one in moved[:8]:
        weight = 0.55 if one.feature in explained else 0.75
        tied = 1.0 if case.alert.feature in (None, one.feature) else UNTIED
        says = f"psi {one.psi:.3f} against the last good window"
        if abs(one.missing) > 0.02:
            says += f", missing {one.missing:+.0%}"
        command = f"trainmaster features show --project {case.project}"
        score = weight * tied * strength(one.psi, 0.03)
        found.append(Suspect("feature", one.feature, says, score, case.bad.at, (), command))
    return found


def source_suspects(
    reader: Reader, case: Case, columns: Mapping[str, frozenset[str]]
) -> tuple[list[Suspect], set[str]]:
    """Deliveries since the last good look that are not as usual, and sources that stood still meanwhile.

    `columns` says of each feature which sources its view reads. Gives the suspects and the columns that they explain.
    """
    found: list[Suspect] = []
    explained: set[str] = set()
    rows = reader.rows(_SNAPSHOTS, {"project": case.project, "until": case.bad.at})
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    fresh_of = {source: [one for one in every if one["created_at"] > case.since] for source, every in by_source.items()}
    anything_new = any(fresh_of.values())
    target = _target_of(reader, rows)
    for source, every in by_source.items():
        fresh, old = fresh_of[source], [one for one in every if one["created_at"] <= case.since]
        tied = _tie(case, source, columns)
        if not fresh and anything_new and len(old) >= 2:
            found.append(_silent(case, source, old, tied))
            continue
        before = [(one, document_of(reader, one["profile"])) for one in old[-MOST_BEFORE:]]
        for one in fresh[-3:]:
            document = document_of(reader, one["profile"])
            known = [content for _, content in before if content]
            if document and known:
                spans = _spans([*(row for row, _ in before), one])
                stand_out = differences(document, known, spans=spans)
                stand_out += _same_again(document, known[-1])
                stand_out.sort(key=lambda each: -each.strength)
                found += _of_snapshot(case, source, one, stand_out, tied, target)
                explained |= {each.column for each in stand_out if each.strength > 0.4 and each.column}
    return found, explained


def _of_snapshot(
    case: Case, source: str, row: Mapping[str, Any], stand_out: Sequence[Difference], tied: float, target: str
) -> list[Suspect]:
    command = f"trainmaster data profile {row['key']} --project {case.project}"
    labels = [one for one in stand_out if one.column == target]
    others = [one for one in stand_out if one.column != target]
    found = []
    for kind, name, kept in (("source", f"{source} {row['key']}", others), ("label", f"{target} in {source}", labels)):
        if kept and kept[0].strength > 0:
            evidence = tuple(one.says for one in kept[1:5] if one.strength >= 0.2)
            score = 0.97 * kept[0].strength * (tied if kind == "source" else 1.0)
            found.append(Suspect(kind, name, kept[0].says, score, row["created_at"], evidence, command))
    return found


def _same_again(new: Mapping[str, Any], last: Mapping[str, Any]) -> list[Difference]:
    """A delivery whose numbers are those of the one before, to the last digit: the source repeats itself."""

    def prints(document: Mapping[str, Any]) -> dict[str, Any]:
        return {
            column["name"]: (column["mean"], column["deviation"], tuple(column["quantiles"]))
            for column in document["columns"]
            if column["mean"] is not None and int(column["distinct"]) > 2
        }

    now, before = prints(new), prints(last)
    same = [name for name, values in now.items() if before.get(name) == values]
    if not same:
        return []
    says = f"{', '.join(same[:3])} hold exactly what the delivery before held: the source repeats itself"
    return [Difference(same[0], 0.97, says)]


def _silent(case: Case, source: str, old: Sequence[Mapping[str, Any]], tied: float) -> Suspect:
    last = old[-1]
    says = f"nothing new since {last['created_at'][:16].replace('T', ' ')}, while other sources went on"
    score = 0.85 * tied * (1.0 if len(old) >= 3 else 0.6)
    command = f"trainmaster data ls --project {case.project}"
    return Suspect("source", f"{source} {last['key']}", says, score, last["created_at"], (), command)


def _tie(case: Case, source: str, columns: Mapping[str, frozenset[str]]) -> float:
    feature = case.alert.feature
    if case.alert.source is not None:
        return 1.0 if case.alert.source == source else UNTIED
    if feature is None or feature not in columns:
        return 1.0
    return 1.0 if source in columns[feature] else UNTIED


def _spans(rows: Sequence[Mapping[str, Any]]) -> list[Span]:
    spans = [Span(parse_utc(r["time_from"]), parse_utc(r["time_to"])) for r in rows if r["time_from"] and r["time_to"]]
    return spans if len(spans) == len(rows) else []


def _target_of(reader: Reader, rows: Sequence[Mapping[str, Any]]) -> str:
    for row in reversed(rows):
        target = document_of(reader, row["profile"]).get("target")
        if isinstance(target, dict) and target.get("name"):
            return str(target["name"])
    return ""


def _trained(reader: Reader, case: Case) -> dict[str, list[float]]:
    """The shares of the training profile, in the shape of a report's."""
    row = reader.one(
        "SELECT v.profile FROM model_version v JOIN model m ON m.id = v.model_id "
        "WHERE m.name = :model AND v.version = :version",
        {"model": case.alert.model, "version": case.alert.version},
    )
    found: dict[str, list[float]] = {}
    for name, entry in document_of(reader, row["profile"] if row else None).get("features", {}).items():
        shares = entry["shares"]
        missing = float(entry.get("missing") or 0.0)
        if entry["kind"] == "category":
            found[name] = [*(float(share) for share in shares.values()), float(entry.get("other") or 0.0), missing]
        else:
            found[name] = [*(float(share) for share in shares), missing]
    return found


def _psi(before: Sequence[float], now: Sequence[float], floor: float = 1e-3) -> float:
    pairs = [(max(a, floor), max(b, floor)) for a, b in zip(before, now, strict=True)]
    return sum((b - a) * math.log(b / a) for a, b in pairs)


def sources_by_feature(reader: Reader, case: Case) -> dict[str, frozenset[str]]:
    """Of each feature the sources that its view's function reads, straight or through other functions."""
    import ast

    views = views_of(reader, case.project, case.bad.features).get("views", {})
    row = reader.one(
        "SELECT c.artifact FROM feature_code c JOIN feature_set f ON f.id = c.feature_set_id "
        "WHERE f.version = :version AND f.project_id = (SELECT id FROM project WHERE name = :project)",
        {"version": case.bad.features, "project": case.project},
    )
    text = document_of(reader, row["artifact"] if row else None)
    parameters: dict[str, list[str]] = {}
    for content in text.values():
        try:
            tree = ast.parse(str(content))
        except SyntaxError:
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                parameters[node.name] = [argument.arg for argument in node.args.args]
    known = {
        str(found["source"])
        for found in reader.rows(
            "SELECT DISTINCT source FROM snapshot WHERE project_id = (SELECT id FROM project WHERE name = :project)",
            {"project": case.project},
        )
    }

    def reads(name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        if name in known or name in seen:
            return frozenset({name} & known)
        return frozenset().union(*(reads(each, seen | {name}) for each in parameters.get(name, [])))

    return {
        str(column["name"]): reads(str(view)) for view, built in views.items() for column in built.get("columns", [])
    }


__all__ = ["Moved", "feature_suspects", "moved_features", "source_suspects", "sources_by_feature"]
