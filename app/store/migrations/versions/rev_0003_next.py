"""What revision 0003 adds to 0002."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
    op.create_table(
        "alias_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=64), nullable=False),
        sa.Column("from_id", sa.Integer(), nullable=True),
        sa.Column("to_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["from_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["to_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("alias_move", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alias_move_from_id"), ["from_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alias_move_to_id"), ["to_id"], unique=False)
        batch_op.create_index("moves_by_alias", ["model_id", "alias", "created_at", "id"], unique=False)

    op.create_table(
        "approval",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("version_id", "actor"),
    )
    op.create_table(
        "gate_verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(length=64), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("limit_value", sa.Float(precision=53), nullable=True),
        sa.Column("low", sa.Float(precision=53), nullable=True),
        sa.Column("high", sa.Float(precision=53), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("against", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("evaluated_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("gate_verdict", schema=None) as batch_op:
        batch_op.create_index("verdicts_by_gate", ["version_id", "gate", "id"], unique=False)

    op.create_table(
        "model_alias",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("model_id", "alias"),
    )
    with op.batch_alter_table("model_alias", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_model_alias_version_id"), ["version_id"], unique=False)

    op.create_table(
        "waiver",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("waiver", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waiver_version_id"), ["version_id"], unique=False)

    with op.batch_alter_table("gate_result", schema=None) as batch_op:
        batch_op.add_column(sa.Column("low", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("high", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("evidence", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("against", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("attempt", sa.Integer(), nullable=True))

    with op.batch_alter_table("gate_result", schema=None) as batch_op:
        batch_op.alter_column("evidence", existing_type=sa.Text(), server_default=None, existing_nullable=False)
        batch_op.alter_column("against", existing_type=sa.Text(), server_default=None, existing_nullable=False)

    with op.batch_alter_table("model_version", schema=None) as batch_op:
        batch_op.add_column(sa.Column("judged_on", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_model_version_judged_on"), ["judged_on"], unique=False)
        batch_op.create_foreign_key(
            "fk_model_version_judged_on", "artifact", ["judged_on"], ["digest"], ondelete="RESTRICT"
        )


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
