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
        "health_signal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("limit_value", sa.Float(precision=53), nullable=True),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("breached", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(length=32), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("scope", "name"),
    )
    with op.batch_alter_table("health_signal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_health_signal_checked_at"), ["checked_at"], unique=False)

    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("late_s", sa.Float(precision=53), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "health_point",
        sa.Column("signal_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["health_signal.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("signal_id", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("hook", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("grouped", sa.String(length=64), nullable=False),
        sa.Column("alerts", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(length=27), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.Column("sent_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_project_id"), ["project_id"], unique=False)
        batch_op.create_index("notices_that_wait", ["state", "next_at"], unique=False)

    op.create_table(
        "prediction_part",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.String(length=64), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("window_from", sa.String(length=27), nullable=True),
        sa.Column("window_to", sa.String(length=27), nullable=True),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["artifact"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("plan", "ordinal"),
    )
    with op.batch_alter_table("prediction_part", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prediction_part_artifact"), ["artifact"], unique=False)
        batch_op.create_index(batch_op.f("ix_prediction_part_project_id"), ["project_id"], unique=False)

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
            sqlite_where=sa.text("state IN ('shadow', 'canary', 'watch')"),
            postgresql_where=sa.text("state IN ('shadow', 'canary', 'watch')"),
        )

    op.create_table(
        "version_reference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["profile"], ["artifact.digest"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("version_reference", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_version_reference_profile"), ["profile"], unique=False)
        batch_op.create_index(batch_op.f("ix_version_reference_version_id"), ["version_id"], unique=False)

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

    op.create_table(
        "feedback_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=12), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("alert_id", sa.Integer(), nullable=False),
        sa.Column("receiver", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.String(length=27), nullable=False),
        sa.Column("acknowledged_by", sa.String(), nullable=True),
        sa.Column("acknowledged_at", sa.String(length=27), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=True),
        sa.Column("resolved_at", sa.String(length=27), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("alert_id", "receiver"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("feedback_item", schema=None) as batch_op:
        batch_op.create_index("feedback_items_by_state", ["state", "receiver"], unique=False)
        batch_op.create_index(batch_op.f("ix_feedback_item_alert_id"), ["alert_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_feedback_item_project_id"), ["project_id"], unique=False)

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.String(length=32), server_default="drift", nullable=False))
        batch_op.add_column(sa.Column("feature", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("slice", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("source", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("next_step", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("value", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("limit_value", sa.Float(precision=53), nullable=True))
        batch_op.add_column(sa.Column("rows", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("window_from", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("window_to", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("grouped", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("owner", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("quiet", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("muted_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("muted_until", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("muted_reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("resolved_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("resolved_reason", sa.Text(), server_default="", nullable=False))
        batch_op.alter_column("project_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.alter_column("version_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.alter_column("report_id", existing_type=sa.INTEGER(), nullable=True)
        batch_op.create_index("alert_by_state", ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_alert_run_id"), ["run_id"], unique=False)
        batch_op.create_index(
            "one_unresolved_alert_everywhere",
            ["signal"],
            unique=True,
            sqlite_where=sa.text("state <> 'resolved' AND project_id IS NULL"),
            postgresql_where=sa.text("state <> 'resolved' AND project_id IS NULL"),
        )
        batch_op.create_foreign_key("alert_is_about_a_run", "run", ["run_id"], ["id"], ondelete="RESTRICT")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=32), server_default=None, existing_nullable=False)
        batch_op.alter_column("next_step", existing_type=sa.Text(), server_default=None, existing_nullable=False)
        batch_op.alter_column(
            "grouped", existing_type=sa.String(length=64), server_default=None, existing_nullable=False
        )
        batch_op.alter_column("quiet", existing_type=sa.Integer(), server_default=None, existing_nullable=False)
        batch_op.alter_column("muted_reason", existing_type=sa.Text(), server_default=None, existing_nullable=False)
        batch_op.alter_column("resolved_reason", existing_type=sa.Text(), server_default=None, existing_nullable=False)

    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trigger", sa.String(length=32), server_default="alert", nullable=False))
        batch_op.add_column(sa.Column("won", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("outcome", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("settled_at", sa.String(length=27), nullable=True))
        batch_op.alter_column("alert_id", existing_type=sa.INTEGER(), nullable=True)

    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.alter_column(
            "trigger", existing_type=sa.String(length=32), server_default=None, existing_nullable=False
        )
        batch_op.alter_column("outcome", existing_type=sa.Text(), server_default=None, existing_nullable=False)

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
