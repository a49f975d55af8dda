"""Draft the first revision from the tables: `python -m app.store.migrations.draft`; until the first release.

After the first release this becomes: compare a migrated store with the tables, write the difference as a new revision.
"""

from pathlib import Path
from typing import Any, Literal

HEADER = '''"""The whole first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
'''

FOOTER = '''

def downgrade() -> None:
    """There is nothing before the first revision; restore the backup instead."""
    raise NotImplementedError("restore the backup that was made before the migration")
'''


def render() -> str:
    """The text of the first revision."""
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine

    from app.store.tables import metadata

    with create_engine("sqlite://").connect() as connection:
        options: dict[str, Any] = {"target_metadata": metadata, "render_item": _plain_type}
        context = MigrationContext.configure(connection, opts=options)
        operations = produce_migrations(context, metadata).upgrade_ops
        assert operations is not None
        code = render_python_code(operations, render_item=_plain_type)
    body = "\n".join(line for line in code.splitlines() if "# ###" not in line)
    return HEADER + "\n".join(line.rstrip() for line in body.splitlines()) + FOOTER


def _plain_type(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    from sqlalchemy.types import TypeDecorator

    if kind != "type" or not isinstance(thing, TypeDecorator):
        return False
    text = repr(thing.impl_instance)
    return f"sa.{text}"


if __name__ == "__main__":
    (Path(__file__).parent / "versions" / "rev_0001_first.py").write_text(render())
