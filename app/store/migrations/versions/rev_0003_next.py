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
        "rollout",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("baseline_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("limits", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("began_at", sa.String(length=27), nullable=False),
        sa.Column("stage_at", sa.String(length=27), nullable=False),
        sa.Column("watched_until", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["baseline_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("rollout", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rollout_baseline_id"), ["baseline_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rollout_began_at"), ["began_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_rollout_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rollout_run_id"), ["run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rollout_version_id"), ["version_id"], unique=False)
        batch_op.create_index(
            "one_open_rollout",
            ["project_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('shadow', 'canary')"),
            postgresql_where=sa.text("state IN ('shadow', 'canary')"),
        )

    op.create_table(
        "rollout_window",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rollout_id", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=32), nullable=False),
        sa.Column("worker", sa.String(length=40), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("agreed", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.Column("difference_sum", sa.Float(precision=53), nullable=False),
        sa.Column("candidate_ms", sa.Text(), nullable=False),
        sa.Column("production_ms", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("rollout_window", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rollout_window_rollout_id"), ["rollout_id"], unique=False)


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
