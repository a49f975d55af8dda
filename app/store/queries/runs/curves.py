"""Histories of a metric in several runs, thinned in SQL to the lowest and highest value of each column of a chart."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.store.reader import Reader


@dataclass(frozen=True)
class Curve:
    """One run's history between two steps: (column, lowest, highest) in order; finite values only."""

    run: str
    points: tuple[tuple[int, float, float], ...]
    last: float | None


@dataclass(frozen=True)
class Curves:
    """The same metric in several runs over the same steps."""

    metric: str
    first_step: int
    last_step: int
    curves: tuple[Curve, ...]


def shared_histories(reader: Reader, keys: Sequence[str]) -> list[str]:
    """The metrics with a history in any of the runs, those of most runs first."""
    bound = {f"k{at}": key for at, key in enumerate(keys)}
    names = ", ".join(f":{name}" for name in bound)
    sql = f"""SELECT key, count(*) AS n FROM (
          SELECT DISTINCT r.id, p.key FROM run r JOIN metric_point p ON p.run_id = r.id WHERE r.key IN ({names})) d
        GROUP BY key ORDER BY n DESC, key"""  # noqa: S608
    return [str(row["key"]) for row in reader.rows(sql, bound)] if keys else []


def curves_of(reader: Reader, keys: Sequence[str], metric: str, columns: int) -> Curves:
    """The histories of a metric over the steps of all the runs, at most `columns` pairs each."""
    bound: dict[str, object] = {f"k{at}": key for at, key in enumerate(keys)}
    names = ", ".join(f":{name}" for name in bound)
    ends = reader.one(
        f"""SELECT min(p.step) AS low, max(p.step) AS high FROM run r JOIN metric_point p ON p.run_id = r.id
        AND p.key = :metric WHERE r.key IN ({names})""",  # noqa: S608
        bound | {"metric": metric},
    )
    if ends is None or ends["low"] is None:
        return Curves(metric, 0, 0, ())
    low, high = int(ends["low"]), int(ends["high"])
    sql = """SELECT (step - :low) * :columns / :width AS place, min(value) AS lowest, max(value) AS highest
        FROM metric_point WHERE run_id = (SELECT id FROM run WHERE key = :key) AND key = :metric AND value IS NOT NULL
        GROUP BY 1 ORDER BY 1"""
    last = """SELECT value FROM metric_point WHERE run_id = (SELECT id FROM run WHERE key = :key) AND key = :metric
        AND value IS NOT NULL ORDER BY step DESC LIMIT 1"""
    found = []
    for key in keys:
        values = {"key": key, "metric": metric, "low": low, "width": high - low + 1, "columns": max(columns, 1)}
        points = tuple((int(r["place"]), float(r["lowest"]), float(r["highest"])) for r in reader.rows(sql, values))
        found.append(Curve(key, points, reader.value(last, values)))
    return Curves(metric, low, high, tuple(found))


__all__ = ["Curve", "Curves", "curves_of", "shared_histories"]
