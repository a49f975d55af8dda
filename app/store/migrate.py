"""Bringing a store to the newest schema: under a lock, after a backup."""

from app.store.engine import Store


def migrate(store: Store) -> None:
    """Create or upgrade the schema (placeholder until Alembic drives it)."""
    from app.store.tables import metadata

    metadata.create_all(store.engine.execution_options(trainmaster_write=True))
