"""`trainmaster features`: versions of the views, and building them."""

from app.cli import feature_reads, feature_rules
from app.cli.render import emit, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, group, reading
from app.cli.training_sets import commands as training_sets

commands = group("Feature views, their versions, what is online, and the sets of rows to learn from.")
for act in (feature_rules.build, feature_rules.diff, feature_rules.explain, feature_rules.compact, feature_rules.prune):
    commands.command()(act)
commands.command("test")(feature_rules.prove)
for reads in (feature_reads.materialize, feature_reads.get, feature_reads.search, feature_reads.show):
    commands.command()(reads)
commands.command("verify-skew")(feature_reads.verify_skew)
commands.add_typer(training_sets, name="training-set")


@commands.command("ls")
def list_versions(
    workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 20, json: Json = False
) -> None:
    """List the published versions of the features, newest first, with their views."""
    from app.store.queries import features

    with reading(workspace) as (_, reader):
        sets = features.feature_sets(reader, project=project, limit=limit)
    emit(
        sets,
        as_json=json,
        human=lambda: table(
            ["project", "version", "view", "rows", "columns", "snapshots", "built"],
            [
                (
                    one.project,
                    f"v{one.version}",
                    view.name,
                    view.rows,
                    len(view.columns),
                    len(one.snapshots),
                    short_time(one.created_at),
                )
                for one in sets
                for view in one.views
            ],  # fmt: skip
            empty="no features yet; build them: trainmaster features build",
        ),
    )
