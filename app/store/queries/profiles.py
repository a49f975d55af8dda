"""Profiles of snapshots as screens show them, and a source's data requirement by its project's newest charter."""

import json
from dataclasses import dataclass
from typing import Any

from app.domain.errors import TrainmasterError
from app.store.queries.content import content_of
from app.store.reader import Reader


@dataclass(frozen=True)
class ColumnView:
    """One column of a profile; `bins` are counts over equal widths from `minimum` to `maximum`."""

    name: str
    kind: str
    privacy: str
    missing: int
    distinct: int
    minimum: str
    median: str
    maximum: str
    mean: float | None
    deviation: float | None
    correlation: float | None
    edges: tuple[float, ...]
    bins: tuple[int, ...]
    top: tuple[tuple[str, int], ...]
    hint: str


@dataclass(frozen=True)
class ProfileView:
    """One snapshot's profile; `labelled` is None when the source holds no label."""

    snapshot: str
    digest: str
    rows: int
    rows_in: int
    duplicates: int
    target: str
    labelled: int | None
    target_rows: int
    target_says: str
    columns: tuple[ColumnView, ...]


@dataclass(frozen=True)
class RuleView:
    """The rules of one column of a requirement, in words, and why they are there."""

    column: str
    type: str
    rules: str
    privacy: str
    reason: str = ""


@dataclass(frozen=True)
class RequirementView:
    """What a source must hold: columns, and the rules of a whole batch in words."""

    columns: tuple[RuleView, ...]
    batch: tuple[tuple[str, str], ...]


def profile_of(reader: Reader, snapshot: str, digest: str | None) -> ProfileView | None:
    """The profile of a snapshot; None when it has none, or one of an older shape."""
    if digest is None:
        return None
    try:
        document = json.loads(content_of(reader, digest))
        hints = {str(hint["column"]): str(hint["says"]) for hint in document["hints"]}
        target = document["target"]
        columns = tuple(_column(one, hints) for one in document["columns"])
        return ProfileView(
            snapshot, digest, int(document["rows"]), int(document["rows_in"]), int(document["duplicates"]),
            str(target["name"]), target["labelled"], int(target["rows"]), str(target["says"]), columns,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, TrainmasterError):
        return None


def requirement_of(reader: Reader, project: str, source: str) -> RequirementView | None:
    """The requirement of a source as the newest version of the project's charter has it."""
    declared = _declared(reader, project).get(source)
    if declared is None:
        return None
    try:
        columns = tuple(
            RuleView(
                str(name), str(rule.get("type") or ""), rules_in_words(rule), str(rule.get("privacy") or ""),
                str(rule.get("reason") or ""),
            )
            for name, rule in declared["columns"].items()
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None
    share = declared.get("max_quarantined_share")
    batch = [
        ("key", ", ".join(declared.get("unique_key") or ())),
        ("time", str(declared.get("time") or "")),
        ("at most out", "" if share is None else f"{share:.1%} of a batch"),
        ("begins with", _at_least(declared.get("minimum_rows") or 0)),
        ("rows a batch", _between(declared.get("minimum_batch_rows"), declared.get("maximum_batch_rows"))),
        ("freshness", f"{declared['max_age_hours']:g} h" if declared.get("max_age_hours") else ""),
        ("sign-off", str(declared.get("sign_off") or "")),
    ]
    return RequirementView(columns, tuple((name, says) for name, says in batch if says))


def allowed_ages(reader: Reader, project: str) -> dict[str, float]:
    """How many hours old the newest row of each source may be, where the charter sets a limit."""
    declared = _declared(reader, project)
    return {name: float(one["max_age_hours"]) for name, one in declared.items() if one.get("max_age_hours")}


def _declared(reader: Reader, project: str) -> dict[str, dict[str, Any]]:
    """The sources as the newest version of a project's charter declares them."""
    document = reader.value(
        """SELECT c.document FROM charter_version c JOIN project p ON p.id = c.project_id
        WHERE p.name = :project ORDER BY c.version DESC LIMIT 1""",
        {"project": project},
    )
    try:
        found: dict[str, dict[str, Any]] = json.loads(document)["sources"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found


def rules_in_words(rule: dict[str, Any]) -> str:
    """The rules of one column, in a few words.

    >>> rules_in_words({"required": True, "minimum": 0.0, "maximum": 9.5, "allowed": None})
    'required, 0 ... 9.5'
    """
    words = ["required"] if rule.get("required") else []
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None or high is not None:
        words.append(" ... ".join("" if end is None else f"{end:g}" for end in (low, high)).strip())
    if rule.get("allowed") is not None:
        words.append("one of " + ", ".join(map(str, rule["allowed"])))
    if rule.get("unique"):
        words.append("unique")
    if rule.get("max_missing_share") is not None:
        words.append(f"at most {rule['max_missing_share']:.0%} missing")
    return ", ".join(words)


def _column(one: dict[str, Any], hints: dict[str, str]) -> ColumnView:
    quantiles = one["quantiles"]
    histogram = one["histogram"] or {"edges": (), "counts": ()}
    return ColumnView(
        str(one["name"]), str(one["kind"]), str(one["privacy"]), int(one["missing"]), int(one["distinct"]),
        _short(one["minimum"]), _short(quantiles[len(quantiles) // 2] if quantiles else None), _short(one["maximum"]),
        one["mean"], one["deviation"], one["correlation"], tuple(histogram["edges"]), tuple(histogram["counts"]),
        tuple((str(value), int(count)) for value, count in one["top"]), hints.get(str(one["name"]), ""),
    )  # fmt: skip


def _short(value: object) -> str:
    if isinstance(value, float):
        if not value.is_integer():
            return f"{value:,.4g}"
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"  # a year is 2013
    return "" if value is None else str(value)[:10]


def _at_least(rows: int) -> str:
    return f"at least {rows:,} row{'s' * (rows != 1)}"


def _between(least: int | None, most: int | None) -> str:
    if not least and most is None:
        return ""
    return f"{least or 0:,} to {most:,}" if most is not None else f"at least {least:,}"
