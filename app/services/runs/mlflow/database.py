"""Reading MLflow's SQLite file, without MLflow: only its tracking tables, opened so that nothing is written."""

import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from app.domain.errors import BadInput, NotFound
from app.services.runs.mlflow.foreign import WORDS, ForeignRun, Point

_RUNS = """SELECT r.run_uuid, e.name, r.status, r.start_time, r.end_time, r.user_id, r.artifact_uri
    FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id
    WHERE r.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid"""
LARGEST = 1.7976931348623157e308
"""What MLflow keeps for an infinite value."""


def runs_in_database(file: Path) -> Iterator[ForeignRun]:
    """Every active run of an SQLite store; raises NotFound, or BadInput for a file of another kind."""
    if not file.is_file():
        raise NotFound(f"there is no file {file}", next_step="trainmaster runs import --mlflow sqlite:///mlflow.db")
    connection = sqlite3.connect(f"file:{urllib.parse.quote(str(file.resolve()))}?mode=ro", uri=True)
    try:
        for run, experiment, status, start, end, user, uri in connection.execute(_RUNS).fetchall():
            yield ForeignRun(
                id=str(run),
                experiment=str(experiment),
                status=WORDS.get(str(status), 0),
                start_ms=start,
                end_ms=end,
                user=str(user or "unknown"),
                parameters=dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run,))),
                metrics=_metrics(connection, run),
                tags=dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,))),
                artifacts=_folder_of(uri, file),
            )
    except sqlite3.DatabaseError as error:
        raise BadInput(f"this is no SQLite store of MLflow: {error}", where=str(file)) from error
    finally:
        connection.close()


def _metrics(connection: sqlite3.Connection, run: str) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    sql = "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp"
    for key, value, at_ms, step, is_nan in connection.execute(sql, (run,)):
        number = float("nan") if is_nan else float(value)
        if abs(number) >= LARGEST:
            number = float("inf") if number > 0 else float("-inf")
        found.setdefault(str(key), []).append(Point(int(at_ms), number, int(step)))
    return found


def _folder_of(uri: object, file: Path) -> Path | None:
    """The folder of a run's files, when it lies beside the database: nothing else of the machine is read."""
    text = str(uri or "")
    parsed = urllib.parse.urlparse(text)
    if parsed.scheme not in ("", "file"):
        return None
    path = Path(urllib.parse.unquote(parsed.path) if parsed.scheme else text)
    folder = (file.parent / path).resolve()
    return folder if folder.is_dir() and file.parent.resolve() in folder.parents else None


__all__ = ["runs_in_database"]
