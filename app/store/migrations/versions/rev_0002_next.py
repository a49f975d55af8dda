"""What revision 0002 adds to 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
    with op.batch_alter_table("source_file", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.String(), nullable=True))


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
