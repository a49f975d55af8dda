"""`trainmaster predict`: predictions in batch, over the feature store."""

from app.cli.render import emit, fields
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, group, opened
from app.cli.waiting import run_flow

commands = group("Predict in batch, over the feature store.")


@commands.command()
def batch(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Predict what is newer than the last batch with the production version."""
    from app.store.queries import runs, serving

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        row = run_flow(place, store, name, "predict", quiet=json)
        made = next((one for one in serving.prediction_batches(store.reader, project=name) if one.run == row.key), None)
        tasks = runs.tasks_of(store.reader, row.key)
    shown: dict[str, object] = {"run": row.key, "state": row.state, "says": tasks[-1].says if tasks else ""}
    if made is not None:
        shown |= {
            "batch": made.key,
            "rows": made.rows,
            "version": made.version,
            "from": made.window_from,
            "to": made.window_to,
        }
    emit(shown, as_json=json, human=lambda: fields(shown))
