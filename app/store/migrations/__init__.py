"""Revisions of the schema, oldest first; Alembic runs them, driven by `app.store.migrate`."""

RELEASED: tuple[str, ...] = ("0001", "0002", "0003")
"""Revisions that stores out there have: never changed again."""

REVISIONS: tuple[str, ...] = RELEASED
"""Every revision this Trainmaster knows, the one in the making (`(*RELEASED, "0004")`) last; it works with the last."""

HEAD = REVISIONS[-1]
