"""Whether history says everything: no gap in the record of a run that completed, no model of unknown origin."""

from collections.abc import Iterator

from sqlalchemy import Connection

from app.store.queries.lineage import graph_around
from app.store.reader import Reader

RECORD = (
    "started_at",
    "finished_at",
    "duration_s",
    "seed",
    "charter_digest",
    "lock_digest",
    "stages",
    "dirty",
    "peak_rss_bytes",
)
"""What each run that was executed here knows when it has completed; a clean one knows its commit too."""
OF_TASK = ("finished_at", "duration_s", "share")


def gaps_of_runs(connection: Connection) -> Iterator[tuple[str, str]]:
    """Key of a completed run and what its record lacks; a run that came from elsewhere has no environment here."""
    gaps = " || ".join(f"CASE WHEN {name} IS NULL THEN ' {name}' ELSE '' END" for name in RECORD)
    commit = """CASE WHEN "commit" IS NULL AND dirty = {no} THEN ' commit' ELSE '' END""".format(
        no="0" if connection.dialect.name == "sqlite" else "FALSE"
    )
    sql = f"""SELECT key, gaps FROM (
          SELECT key, id, {gaps} || {commit} AS gaps FROM run
          WHERE state = 'completed' AND environment <> '{{}}' AND charter_digest IS NOT NULL) r
        WHERE gaps <> '' ORDER BY id"""  # noqa: S608
    for key, gaps_found in connection.exec_driver_sql(sql):
        yield str(key), f"completed run {key} does not know its {', '.join(str(gaps_found).split())}"
    missing = " OR ".join(f"t.{name} IS NULL" for name in OF_TASK)
    sql = f"""SELECT r.key, t.name FROM task t JOIN run r ON r.id = t.run_id
        WHERE r.state = 'completed' AND (t.state = 'running' OR (t.state = 'completed' AND ({missing})))
        ORDER BY t.id"""  # noqa: S608
    for key, name in connection.exec_driver_sql(sql):
        yield str(key), f"run {key} completed and its task {name} does not know when it ended"


def models_of_unknown_origin(connection: Connection, reader: Reader) -> Iterator[tuple[str, str]]:
    """Model versions whose lineage does not reach a snapshot, or their own commit."""
    sql = (
        """SELECT m.name, v.version, v."commit" FROM model_version v JOIN model m ON m.id = v.model_id ORDER BY v.id"""
    )
    for name, version, commit in connection.exec_driver_sql(sql).all():
        key = f"{name}/{version}"
        nodes = graph_around(reader, "model", key, downstream=False).nodes
        if not any(node.startswith("snapshot:") for node in nodes):
            yield key, f"the lineage of {name} v{version} reaches no snapshot"
        if commit and f"commit:{commit}" not in nodes:
            yield key, f"the lineage of {name} v{version} does not reach its commit"


__all__ = ["gaps_of_runs", "models_of_unknown_origin"]
