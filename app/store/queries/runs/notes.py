"""What people put on runs: notes, tags, the pinned baseline."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.store.queries.rows import made
from app.store.reader import Reader


@dataclass(frozen=True)
class NoteRow:
    """One note about a run."""

    at: str
    actor: str
    says: str


def notes_of(reader: Reader, key: str) -> list[NoteRow]:
    """The notes of a run, newest first."""
    sql = """SELECT n.at, n.actor, n.says FROM run_note n
        WHERE n.run_id = (SELECT id FROM run WHERE key = :key) ORDER BY n.id DESC"""
    return made(NoteRow, reader.rows(sql, {"key": key}))


def tags_of(reader: Reader, key: str) -> dict[str, str]:
    """The tags of a run."""
    sql = "SELECT key, value FROM run_tag WHERE run_id = (SELECT id FROM run WHERE key = :key) ORDER BY key"
    return {row["key"]: row["value"] for row in reader.rows(sql, {"key": key})}


def tags_of_runs(reader: Reader, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The tags of several runs by their row ids, as a list shows them: `name` or `name=value`."""
    numbers = ", ".join(str(int(number)) for number in ids)
    found: dict[int, tuple[str, ...]] = {}
    if numbers:
        sql = f"SELECT run_id, key, value FROM run_tag WHERE run_id IN ({numbers}) ORDER BY run_id, key"  # noqa: S608
        for row in reader.rows(sql):
            shown = f"{row['key']}={row['value']}" if row["value"] else row["key"]
            found[row["run_id"]] = (*found.get(row["run_id"], ()), shown)
    return found


def baseline_of(reader: Reader, project: str) -> str | None:
    """The key of the run that is pinned as a project's baseline."""
    sql = """SELECT r.key FROM baseline b JOIN run r ON r.id = b.run_id JOIN project p ON p.id = b.project_id
        WHERE p.name = :project"""
    found = reader.value(sql, {"project": project})
    return None if found is None else str(found)
