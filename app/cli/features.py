"""`trainmaster features`: versions of the views, and building them."""

from app.cli.render import emit, fields, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading

commands = group("Feature views and their versions.")


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


@commands.command()
def build(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Compute the views from the newest snapshots and publish them; nothing changed means no new version."""
    from app.cli.waiting import run_flow
    from app.store.queries import features

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        row = run_flow(place, store, name, "features", quiet=json)
        newest = features.feature_set(store.reader, name)
    assert newest is not None
    shown = {"run": row.key, "features": f"{name}/v{newest.version}", "digest": newest.digest, "rows": newest.rows}
    emit(shown, as_json=json, human=lambda: fields(shown))
