"""Draft the newest, unreleased revision: `python -m app.store.migrations.draft`.

A store with the released revisions is compared with the tables that the code declares, and the difference is written as
the next revision. Run it again after each change of a table until the revision is released.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from app.store.migrations import RELEASED, REVISIONS

VERSIONS = Path(__file__).parent / "versions"

HEADER = '''"""What revision {revision} adds to {before}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
'''

FOOTER = '''

def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
'''


def render() -> str:
    """The text of the unreleased revision."""
    from alembic.autogenerate import produce_migrations, render_python_code
    from alembic.migration import MigrationContext

    from app.store.engine import Store
    from app.store.migrate import migrate
    from app.store.tables import metadata

    with tempfile.TemporaryDirectory() as folder:
        store = Store.of_file(Path(folder) / "store.db")
        migrate(store, to=RELEASED[-1])
        with store.engine.connect() as connection:
            options: dict[str, Any] = {"target_metadata": metadata, "compare_type": True}
            context = MigrationContext.configure(connection, opts=options)
            operations = produce_migrations(context, metadata).upgrade_ops
            assert operations is not None
            operations.ops = list(_filled(operations.ops))
            code = render_python_code(operations, render_item=_plain_type, render_as_batch=True)
        store.close()
    body = "\n".join(line.rstrip() for line in code.splitlines() if "# ###" not in line)
    return HEADER.format(revision=REVISIONS[-1], before=RELEASED[-1]) + (body or "    pass") + FOOTER


def _filled(operations: list[Any]) -> Iterator[Any]:
    """The operations; a new column that may not be null is added with a default for old rows, which then goes away."""
    from alembic.operations import ops

    for change in operations:
        yield change
        if not isinstance(change, ops.ModifyTableOps):
            continue
        filled = []
        for each in change.ops:
            if isinstance(each, ops.AddColumnOp) and not each.column.nullable:
                each.column.server_default = _default(change.table_name, each.column)
                filled.append(each.column)
        if filled:
            yield ops.ModifyTableOps(
                change.table_name,
                [
                    ops.AlterColumnOp(
                        change.table_name,
                        column.name,
                        modify_server_default=None,
                        existing_type=column.type,
                        existing_nullable=False,
                    )
                    for column in filled
                ],
            )


def _default(table: str, column: Any) -> Any:
    import sqlalchemy as sa

    value = getattr(column.default, "arg", None)
    if value is None or callable(value):
        raise SystemExit(f"{table}.{column.name} may not be null and has no default: old rows would have no value")
    value = int(value) if isinstance(value, bool) else value
    return sa.DefaultClause(str(value))


def _plain_type(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    from sqlalchemy.types import TypeDecorator

    if kind != "type" or not isinstance(thing, TypeDecorator):
        return False
    text = repr(thing.impl_instance)
    return f"sa.{text}"


def write() -> Path:
    """Write the unreleased revision, laid out as the rest of the code."""
    assert REVISIONS[:-1] == RELEASED, "every revision is released: add the next one to REVISIONS"
    (path,) = [*VERSIONS.glob(f"rev_{REVISIONS[-1]}_*.py")] or [VERSIONS / f"rev_{REVISIONS[-1]}_next.py"]
    path.write_text(render())
    ruff = shutil.which("ruff") or str(Path(sys.executable).with_name("ruff"))
    for command in (["check", "--fix"], ["format"]):
        subprocess.run([ruff, *command, "--quiet", str(path)], check=True)
    return path


if __name__ == "__main__":
    write()
