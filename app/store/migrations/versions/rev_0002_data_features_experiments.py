"""What revision 0002 adds to 0001."""

import math

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; new columns of old rows get the default that the code gives to new rows."""
    op.create_table(
        "agreement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("signed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "source", "digest", "role"),
    )
    with op.batch_alter_table("agreement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_agreement_project_id"), ["project_id"], unique=False)

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
        "ticket",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("wish", sa.Text(), nullable=False),
        sa.Column("from_role", sa.String(length=32), nullable=False),
        sa.Column("for_role", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=True),
        sa.Column("taken_at", sa.String(length=27), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_project_id"), ["project_id"], unique=False)
        batch_op.create_index("tickets_by_queue", ["state", "for_role"], unique=False)

    op.create_table(
        "admission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("needs_bytes", sa.BigInteger(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("admission", schema=None) as batch_op:
        batch_op.create_index("admission_by_run", ["run_id", "id"], unique=False)

    op.create_table(
        "baseline",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("pinned_by", sa.String(), nullable=False),
        sa.Column("pinned_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("project_id"),
    )
    with op.batch_alter_table("baseline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_baseline_run_id"), ["run_id"], unique=False)

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
        "estimate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("learner", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=16), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("features", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("threads", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("seconds_low", sa.Float(precision=53), nullable=False),
        sa.Column("seconds_high", sa.Float(precision=53), nullable=False),
        sa.Column("rss_bytes", sa.BigInteger(), nullable=False),
        sa.Column("rss_low_bytes", sa.BigInteger(), nullable=False),
        sa.Column("rss_high_bytes", sa.BigInteger(), nullable=False),
        sa.Column("gpu_memory_bytes", sa.BigInteger(), nullable=False),
        sa.Column("actual_seconds", sa.Float(precision=53), nullable=True),
        sa.Column("actual_rss_bytes", sa.BigInteger(), nullable=True),
        sa.Column("actual_gpu_memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("estimate", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_estimate_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_estimate_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_estimate_run_id"), ["run_id"], unique=False)

    op.create_table(
        "reproduction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("first_difference", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("reproduction", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reproduction_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_reproduction_run_id"), ["run_id"], unique=False)

    op.create_table(
        "run_artifact",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("artifact", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("run_id", "path"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("run_artifact", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_artifact_artifact"), ["artifact"], unique=False)

    op.create_table(
        "run_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("run_note", schema=None) as batch_op:
        batch_op.create_index("run_note_by_run", ["run_id", "id"], unique=False)

    op.create_table(
        "run_tag",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("run_id", "key"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("run_tag", schema=None) as batch_op:
        batch_op.create_index("run_tag_by_key", ["key", "run_id"], unique=False)

    op.create_table(
        "experiment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("feature_set_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=32), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("configuration_digest", sa.String(length=64), nullable=False),
        sa.Column("split_digest", sa.String(length=64), nullable=False),
        sa.Column("folds_digest", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("best", sa.Integer(), nullable=True),
        sa.Column("edges", sa.Text(), nullable=False),
        sa.Column("stopped", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("experiment", schema=None) as batch_op:
        batch_op.create_index("experiment_by_project", ["project_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_experiment_feature_set_id"), ["feature_set_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_experiment_run_id"), ["run_id"], unique=False)

    op.create_table(
        "feature_code",
        sa.Column("feature_set_id", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["feature_set_id"], ["feature_set.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("feature_set_id"),
    )
    with op.batch_alter_table("feature_code", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_feature_code_artifact"), ["artifact"], unique=False)
        batch_op.create_index(batch_op.f("ix_feature_code_feature_set_id"), ["feature_set_id"], unique=False)

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

    op.create_table(
        "trial",
        sa.Column("experiment_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("learner", sa.String(length=32), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("rounds_limit", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Boolean(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=True),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("standard_error", sa.Float(precision=53), nullable=True),
        sa.Column("fold_values", sa.Text(), nullable=False),
        sa.Column("curve", sa.Text(), nullable=False),
        sa.Column("share", sa.Float(precision=53), nullable=True),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("finished_at", sa.String(length=27), nullable=True),
        sa.Column("duration_s", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiment.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("experiment_id", "number"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("trial", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trial_run_id"), ["run_id"], unique=False)
        batch_op.create_index("trial_by_value", ["experiment_id", "state", "value"], unique=False)

    with op.batch_alter_table("parameter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Float(precision=53), nullable=True))
        batch_op.create_index(
            "parameter_by_number",
            ["key", "number", "run_id"],
            unique=False,
            sqlite_where=sa.text("number IS NOT NULL"),
            postgresql_where=sa.text("number IS NOT NULL"),
        )
        batch_op.create_index(
            "parameter_by_text",
            ["key", "value", "run_id"],
            unique=False,
            sqlite_where=sa.text("number IS NULL AND length(value) <= 200"),
            postgresql_where=sa.text("number IS NULL AND length(value) <= 200"),
        )

    with op.batch_alter_table("quarantined_row", schema=None) as batch_op:
        batch_op.add_column(sa.Column("repairs", sa.Text(), server_default="{}", nullable=False))
        batch_op.add_column(sa.Column("released_in", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("decided_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("decided_at", sa.String(length=27), nullable=True))
        batch_op.create_index(batch_op.f("ix_quarantined_row_released_in"), ["released_in"], unique=False)
        batch_op.create_foreign_key(
            "fk_quarantined_row_released_in", "snapshot", ["released_in"], ["id"], ondelete="RESTRICT"
        )

    with op.batch_alter_table("quarantined_row", schema=None) as batch_op:
        batch_op.alter_column("repairs", existing_type=sa.Text(), server_default=None, existing_nullable=False)

    with op.batch_alter_table("resource_sample", schema=None) as batch_op:
        batch_op.add_column(sa.Column("read_bytes", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("written_bytes", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("energy_j", sa.Float(precision=53), nullable=True))

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bundle", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("archived_at", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("peak_gpu_memory_bytes", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("energy_j", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("device", sa.String(length=16), server_default="cpu", nullable=False))
        batch_op.add_column(sa.Column("diff", sa.String(length=64), nullable=True))
        batch_op.create_index(batch_op.f("ix_run_diff"), ["diff"], unique=False)
        batch_op.create_index(
            "run_archived",
            ["archived_at"],
            unique=False,
            sqlite_where=sa.text("archived_at IS NOT NULL"),
            postgresql_where=sa.text("archived_at IS NOT NULL"),
        )
        batch_op.create_index("run_by_commit", ["commit", "id"], unique=False)
        batch_op.create_index("run_by_person", ["requested_by", "id"], unique=False)
        batch_op.create_foreign_key("run_diff_is_an_artifact", "artifact", ["diff"], ["digest"], ondelete="RESTRICT")

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.alter_column(
            "device", existing_type=sa.String(length=16), server_default=None, existing_nullable=False
        )

    with op.batch_alter_table("snapshot", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", sa.Integer(), nullable=True))
        batch_op.create_index(batch_op.f("ix_snapshot_parent_id"), ["parent_id"], unique=False)
        batch_op.create_foreign_key("fk_snapshot_parent_id", "snapshot", ["parent_id"], ["id"], ondelete="RESTRICT")

    with op.batch_alter_table("source_file", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.String(), nullable=True))

    _read_numbers()


def _read_numbers() -> None:
    """Old parameters that write a finite number get it beside their text, so that `params.rounds = 300` finds them."""
    connection = op.get_bind()
    found = []
    for run, key, value in connection.execute(sa.text("SELECT run_id, key, value FROM parameter")):
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number) and "_" not in value:
            found.append({"run": run, "name": key, "number": number})
    if found:
        connection.execute(sa.text("UPDATE parameter SET number = :number WHERE run_id = :run AND key = :name"), found)


def downgrade() -> None:
    """A store goes back by its backup."""
    raise NotImplementedError("restore the backup that was made before the migration")
