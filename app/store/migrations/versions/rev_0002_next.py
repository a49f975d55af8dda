"""What revision 0002 adds to 0001."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
    op.create_table(
        "bundle",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("commit", sa.String(length=64), nullable=False),
        sa.Column("lock_digest", sa.String(length=64), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["manifest"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("bundle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bundle_commit"), ["commit"], unique=False)
        batch_op.create_index(batch_op.f("ix_bundle_manifest"), ["manifest"], unique=False)

    op.create_table(
        "ci_verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("commit", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("bundle_id", sa.Integer(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["bundle.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("ci_verdict", schema=None) as batch_op:
        batch_op.create_index("ci_by_commit", ["commit", "project_id"], unique=False)
        batch_op.create_index("ci_by_project", ["project_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ci_verdict_bundle_id"), ["bundle_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_ci_verdict_created_at"), ["created_at"], unique=False)

    op.create_table(
        "online_publish",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("feature_set_id", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("views", sa.Text(), nullable=False),
        sa.Column("known_until", sa.String(length=27), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("online_publish", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_online_publish_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_publish_feature_set_id"), ["feature_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_publish_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_online_publish_run_id"), ["run_id"], unique=False)

    op.create_table(
        "skew_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("feature_set_id", sa.Integer(), nullable=False),
        sa.Column("entities", sa.Integer(), nullable=False),
        sa.Column("compared", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["report"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("skew_check", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_skew_check_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_skew_check_feature_set_id"), ["feature_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_skew_check_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_skew_check_report"), ["report"], unique=False)

    op.create_table(
        "training_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("feature_set_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("window_from", sa.String(length=27), nullable=True),
        sa.Column("window_to", sa.String(length=27), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("train_rows", sa.Integer(), nullable=False),
        sa.Column("test_rows", sa.Integer(), nullable=False),
        sa.Column("purged_rows", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("split_digest", sa.String(length=64), nullable=False),
        sa.Column("sides", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["sides"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "name", "version"),
    )
    with op.batch_alter_table("training_set", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_training_set_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_training_set_feature_set_id"), ["feature_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_training_set_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_training_set_run_id"), ["run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_training_set_sides"), ["sides"], unique=False)

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bundle", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
