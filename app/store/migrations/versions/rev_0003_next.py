"""What revision 0003 adds to 0002."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
    with op.batch_alter_table("signal", schema=None) as batch_op:
        batch_op.add_column(sa.Column("slice", sa.String(length=300), nullable=True))
        batch_op.add_column(sa.Column("low", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("high", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("importance", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("says", sa.String(length=500), server_default="", nullable=False))

    with op.batch_alter_table("signal", schema=None) as batch_op:
        batch_op.alter_column("says", existing_type=sa.String(length=500), server_default=None, existing_nullable=False)


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
