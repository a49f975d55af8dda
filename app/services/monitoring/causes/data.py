"""Suspects among the data: sources with their snapshots, and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.services.monitoring.causes.asked import UNTIED, relevance
from app.services.monitoring.causes.case import Case, document_of
from app.services.monitoring.causes.comparing import Difference, Span, What, differences
from app.services.monitoring.causes.reading import Readings
from app.services.monitoring.causes.suspects import Suspect, strength
from app.store.moments import parse_utc
from app.store.reader import Reader

MOST_BEFORE = 6
"""With how many earlier deliveries of a source a new one is compared."""
EXPLAINS = 0.4
"""A column of a delivery that changed so much explains the features that come from it."""

_SNAPSHOTS = """
SELECT s.id, s.key, s.source, s.profile, s.digest, s.rows, s.created_at, s.time_from, s.time_to FROM snapshot s
WHERE s.project_id = (SELECT id FROM project WHERE name = :project) AND s.created_at <= :until ORDER BY s.id
"""


def source_suspects(reader: Reader, case: Case, readings: Readings) -> tuple[list[Suspect], dict[str, float]]:
    """Deliveries since the last good look that are not as usual, and sources that stood still meanwhile.

    What a delivery is suspected of is what the alert asks for, not whatever is odd about it the most. Gives the
    suspects, and by column how much is suspected of the delivery that changed it.
    """
    found: list[Suspect] = []
    explained: dict[str, float] = {}
    rows = reader.rows(_SNAPSHOTS, {"project": case.project, "until": case.bad.at})
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    fresh_of = {source: [one for one in every if one["created_at"] > case.since] for source, every in by_source.items()}
    anything_new = any(fresh_of.values())
    target = _target_of(reader, rows)
    for source, every in by_source.items():
        fresh, old = fresh_of[source], [one for one in every if one["created_at"] <= case.since]
        tied = _tie(case, source, readings.sources)
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
                stand_out += [*_same_again(document, known[-1]), *_behind(one, every, rows)]
                changed = {each.column for each in stand_out if each.strength > EXPLAINS and each.column}
                present = frozenset(str(column["name"]) for column in document["columns"])
                stand_out = relevance(case.alert, readings.columns & present, stand_out)
                suspects = _of_snapshot(case, source, one, stand_out, tied, target)
                found += suspects
                score = max((each.score for each in suspects), default=0.0)
                explained |= {name: max(score, explained.get(name, 0.0)) for name in changed}
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
            score = 0.97 * kept[0].strength * (tied if kind == "source" or case.alert.feature is not None else 1.0)
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
    if 2 * len(same) <= len(now):  # an hour of the day is the same in every whole month
        return []
    says = f"{', '.join(same[:3])} hold exactly what the delivery before held: the source repeats itself"
    return [Difference(same[0], 0.97, says, What.REPEATED)]


def _behind(
    now: Mapping[str, Any], own: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> list[Difference]:
    """A delivery that ends before the others do that had begun by then, by more than the ones before it."""

    def hours(one: Mapping[str, Any]) -> float:
        others = [
            row["time_to"]
            for row in rows
            if row["source"] != one["source"] and row["time_to"] and row["time_from"] <= one["time_to"]
        ]
        return (parse_utc(max([*others, one["time_to"]])) - parse_utc(one["time_to"])).total_seconds() / 3600

    before = [hours(one) for one in own if one["id"] < now["id"] and one["time_to"]][-MOST_BEFORE:]
    if not before or not now["time_to"]:
        return []
    behind, usual = hours(now), max(before)
    says = f"its rows end {behind:,.0f} h before those of the other sources, usually {usual:,.0f} h"
    return [Difference("", strength(behind - usual, max(usual, 2.0)), says, What.TIMES)]


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


__all__ = ["source_suspects"]
