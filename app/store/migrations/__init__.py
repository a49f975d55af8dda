"""Revisions of the schema, oldest first; Alembic runs them, driven by `app.store.migrate`."""

REVISIONS = ("0001",)
"""Every revision this Trainmaster knows; the last is the one it works with."""

HEAD = REVISIONS[-1]
