"""Revisions of the schema, oldest first; Alembic runs them, driven by `app.store.migrate`."""

RELEASED = ("0001",)
"""Revisions that stores out there have: never changed again."""

REVISIONS = (*RELEASED, "0002")
"""Every revision this Trainmaster knows; the last is the one it works with."""

HEAD = REVISIONS[-1]
