"""What is different about the rows of a delivery: its profile next to those of the deliveries before it."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.services.monitoring.causes.suspects import strength

Document = Mapping[str, Any]
FEW = 50
"""A text with at most so many values is a category; with more it is a name or a key."""


class What(StrEnum):
    """What about a delivery is not as usual."""

    COLUMNS = "columns"
    ROWS = "rows"
    QUARANTINE = "quarantine"
    DUPLICATES = "duplicates"
    MISSING = "missing"
    KIND = "kind"
    STILL = "still"
    REPEATED = "repeated"
    NUMBERS = "numbers"
    WORDS = "words"
    LINK = "link"
    TIMES = "times"


@dataclass(frozen=True)
class Difference:
    """One column (or, without a name, the rows) of a delivery that is not as usual: how much, and in words too."""

    column: str
    strength: float
    says: str
    what: What


def differences(new: Document, before: Sequence[Document], *, spans: "Sequence[Span]" = ()) -> list[Difference]:
    """What stands out in a delivery's profile next to those before it (at least one), the most striking first.

    `spans` are the times of the deliveries in order, the new one last, where the source has a time column.
    """
    if not before:
        return []
    found = _rows(new, before)
    known = [{column["name"]: column for column in document["columns"]} for document in before]
    for column in new["columns"]:
        same = [columns[column["name"]] for columns in known if column["name"] in columns]
        if not same:
            found.append(Difference(column["name"], 0.5, f"column {column['name']} is new", What.COLUMNS))
            continue
        rows = [document["rows"] for document, columns in zip(before, known, strict=True) if column["name"] in columns]
        found += _column(column, int(new["rows"]), same, rows)
    present = {column["name"] for column in new["columns"]}
    for name in dict.fromkeys(name for columns in known for name in columns):
        if name not in present:
            found.append(Difference(name, 0.9, f"column {name} is gone", What.COLUMNS))
    found += _times(spans)
    return sorted((one for one in found if one.strength > 0), key=lambda one: -one.strength)


@dataclass(frozen=True)
class Span:
    """From when to when the rows of a delivery are, by their own time column."""

    begin: datetime
    end: datetime


def _rows(new: Document, before: Sequence[Document]) -> list[Difference]:
    counts = [int(document["rows_in"]) for document in before]
    usual, now = statistics.median(counts), int(new["rows_in"])
    found = []
    if usual > 0:
        spread = max((abs(math.log(max(count, 1) / usual)) for count in counts), default=0.0)
        change = abs(math.log(max(now, 1) / usual))
        says = f"{now:,} rows, usually {usual:,.0f}"
        found.append(Difference("", strength(change, max(spread, 0.15)), says, What.ROWS))
    shares = [_share(sum(document["quarantined"].values()), int(document["rows_in"])) for document in before]
    held = _share(sum(new["quarantined"].values()), now)
    change = held - max(shares, default=0.0)
    found.append(Difference("", strength(change, 0.03), f"{held:.0%} of its rows are in quarantine", What.QUARANTINE))
    doubles = _share(int(new["duplicates"]), int(new["rows"]))
    usual_doubles = max((_share(int(d["duplicates"]), int(d["rows"])) for d in before), default=0.0)
    found.append(
        Difference(
            "", strength(doubles - usual_doubles, 0.05), f"{doubles:.0%} of its rows are duplicates", What.DUPLICATES
        )
    )
    return found


def _column(new: Document, rows: int, before: Sequence[Document], before_rows: Sequence[int]) -> list[Difference]:
    name, found = str(new["name"]), []
    missing = _share(int(new["missing"]), rows)
    shares = [_share(int(one["missing"]), count) for one, count in zip(before, before_rows, strict=True)]
    usual, spread = statistics.median(shares), max(shares) - min(shares)
    says = f"{name} is missing in {missing:.0%} of the rows, usually in {usual:.0%}"
    found.append(Difference(name, strength(abs(missing - usual), max(spread, 0.03)), says, What.MISSING))
    if new["kind"] != before[-1]["kind"]:
        found.append(Difference(name, 0.95, f"{name} is {new['kind']}, it was {before[-1]['kind']}", What.KIND))
        return found
    if rows >= 20 and int(new["distinct"]) <= 1 and min(int(one["distinct"]) for one in before) >= 3 and missing < 1:
        found.append(Difference(name, 0.97, f"{name} has the same value in every row: it stands still", What.STILL))
    if new["kind"] == "number":
        found += _number(name, new, before)
    elif new["kind"] in ("text", "boolean"):
        found += _category(name, new, rows, before, before_rows)
    found += _link(name, new, before)
    return found


def _number(name: str, new: Document, before: Sequence[Document]) -> list[Difference]:
    quantiles = [list(one["quantiles"]) for one in before if one["quantiles"]]
    now = list(new["quantiles"])
    if not now or not quantiles or any(len(one) != len(now) for one in quantiles):
        return []
    usual = [statistics.median(column) for column in zip(*quantiles, strict=True)]
    scale = max(usual[-2] - usual[1], abs(usual[len(usual) // 2]) * 0.05, 1e-9)
    if int(new["distinct"]) <= 2 and new["mean"] is not None:
        means = [one["mean"] for one in before if one["mean"] is not None]
        change, spread = abs(new["mean"] - statistics.median(means)), max(means) - min(means)
        says = f"{name} is {new['mean']:.3g} on average, usually {statistics.median(means):.3g}"
        return [Difference(name, strength(change, max(spread, 0.03)), says, What.NUMBERS)]

    def away(one: Sequence[float]) -> float:
        return float(sum(abs(a - b) for a, b in zip(one, usual, strict=True)) / len(usual) / scale)

    spread = max((away(one) for one in quantiles), default=0.0)
    moved = max(range(len(now)), key=lambda at: (abs(now[at] - usual[at]), at == len(now) // 2))
    if abs(now[len(now) // 2] - usual[len(now) // 2]) > 0.5 * abs(now[moved] - usual[moved]):
        moved = len(now) // 2
    says = f"{name} is {now[moved]:.4g} {_part(moved, len(now))}, usually {usual[moved]:.4g}"
    factor = _factor(now, usual)
    if factor is not None:
        says = f"{name} is {factor:.4g} times what it was, in every part of its range: a unit may have changed"
    return [Difference(name, strength(away(now), max(spread, 0.05)), says, What.NUMBERS)]


def _part(place: int, places: int) -> str:
    """Where in the range a quantile lies, in words.

    >>> [_part(place, 7) for place in (0, 3, 5)]
    ['at its low end', 'in the middle', 'in its upper part']
    """
    if place == places // 2:
        return "in the middle"
    if place in (0, places - 1):
        return "at its high end" if place else "at its low end"
    return "in its upper part" if place > places // 2 else "in its lower part"


def _factor(now: Sequence[float], usual: Sequence[float]) -> float | None:
    """The one factor between two lists of quantiles, or None when there is none or it is about 1.

    >>> _factor([1.6, 3.2, 16.0], [1.0, 2.0, 10.0])
    1.6
    """
    ratios = [a / b for a, b in zip(now, usual, strict=True) if abs(b) > 1e-9]
    if len(ratios) < 3:
        return None
    middle = statistics.median(ratios)
    if middle <= 0 or abs(math.log(middle)) < 0.1:
        return None
    close = sum(1 for ratio in ratios if abs(ratio / middle - 1) < 0.15)
    return round(middle, 6) if close >= 0.7 * len(ratios) else None


def _category(
    name: str, new: Document, rows: int, before: Sequence[Document], before_rows: Sequence[int]
) -> list[Difference]:
    if not new["top"] or int(new["distinct"]) > max(FEW, 3 * max(int(one["distinct"]) for one in before)):
        return []
    if min(int(one["distinct"]) for one in before) > FEW * 20 or min(len(one["top"]) for one in before) == 0:
        return []
    shares = [{str(v): _share(int(c), n) for v, c in one["top"]} for one, n in zip(before, before_rows, strict=True)]
    named = set().union(*shares)
    whole = all(len(one["top"]) >= int(one["distinct"]) for one in before)
    now = {str(value): _share(int(count), rows) for value, count in new["top"]}
    found = []
    fresh = {value: share for value, share in now.items() if value not in named}
    if fresh and (whole or sum(fresh.values()) > 0.2):
        value = max(fresh, key=lambda each: fresh[each])
        says = f"{name} has new values in {sum(fresh.values()):.0%} of the rows, such as {value!r}"
        found.append(Difference(name, strength(sum(fresh.values()), 0.01), says, What.WORDS))
    if not whole:  # a list of the commonest says nothing of a value that it leaves out
        named &= set(now)
    usual = {value: statistics.median([one.get(value, 0.0) for one in shares]) for value in named}

    def away(one: Mapping[str, float]) -> float:
        compared = {*one, *usual} if whole else set(usual)
        return sum(abs(one.get(value, 0.0) - usual.get(value, 0.0)) for value in compared) / 2

    if not usual:
        return found
    spread = max(away(one) for one in shares)
    value = max({*now, *usual} if whole else usual, key=lambda each: abs(now.get(each, 0.0) - usual.get(each, 0.0)))
    says = f"{name} is {value!r} in {now.get(value, 0.0):.0%} of the rows, usually in {usual.get(value, 0.0):.0%}"
    found.append(Difference(name, strength(away(now), max(spread, 0.05)), says, What.WORDS))
    return found


def _link(name: str, new: Document, before: Sequence[Document]) -> list[Difference]:
    """A column that no longer goes with the target as it did."""
    links = [one["correlation"] for one in before if one.get("correlation") is not None]
    now = new.get("correlation")
    if now is None or not links or abs(now) > 0.999:
        return []
    usual, spread = statistics.median(links), max(links) - min(links)
    says = f"{name} goes with the target by {now:.2f}, usually by {usual:.2f}"
    return [Difference(name, 0.8 * strength(abs(now - usual), max(spread, 0.08)), says, What.LINK)]


def _times(spans: Sequence[Span]) -> list[Difference]:
    """A delivery whose times overlap the one before, leave a hole, or run backwards, more than is usual."""
    if len(spans) < 3:
        return []
    gaps = [(after.begin - earlier.end).total_seconds() for earlier, after in itertools.pairwise(spans)]
    lengths = [(span.end - span.begin).total_seconds() for span in spans]
    usual, spread = statistics.median(gaps[:-1]), max(gaps[:-1]) - min(gaps[:-1])
    change = abs(gaps[-1] - usual)
    hours = change / 3600
    side = "later" if gaps[-1] > usual else "earlier"
    says = f"its times begin {hours:.1f} h {side} than the end of the delivery before lets expect: a clock may be wrong"
    found = [Difference("", strength(change, max(spread, 300.0)), says, What.TIMES)]
    typical = statistics.median(lengths[:-1])
    says = f"its rows span {lengths[-1] / 3600:,.0f} h, usually {typical / 3600:,.0f} h"
    found.append(Difference("", strength(abs(lengths[-1] - typical), max(0.15 * typical, 3600.0)), says, What.TIMES))
    return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


__all__ = ["Difference", "Document", "Span", "What", "differences"]
