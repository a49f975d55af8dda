"""What revision 0003 adds to 0002."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
