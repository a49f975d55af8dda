"""A model version as the JSON document that commands print."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.store.queries.registry import VersionRow


def document(row: "VersionRow") -> dict[str, object]:
    """A version as its JSON document."""
    return {
        "model": row.model, "version": row.version, "stage": row.stage, "run": row.run, "digest": row.digest,
        "metrics": row.metrics, "created_at": row.created_at, "project": row.project, "features": row.features_version,
        "commit": row.commit, "dirty": row.dirty, "gates_passed": row.gates_passed,
        "gates_waived": row.gates_waived, "gates_total": row.gates_total,
        "size_bytes": row.size_bytes, "aliases": row.aliases,
    }  # fmt: skip


__all__ = ["document"]
