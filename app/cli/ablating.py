"""`trainmaster train ablate`: what each view earns and costs."""

from typing import Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened
from app.cli.waiting import run_flow


def ablate(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Boosting rounds; default: those of project.toml.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="A run of a search: its best trial's learner.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Ask for the run and do not wait for it.")] = False,
    json: Json = False,
) -> None:
    """Fit the learner again without each view: what the view earns, with its interval, and what it costs in seconds."""
    from app.store.queries import runs

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        wishes = {"rounds": rounds, "from": source}
        parameters: dict[str, object] = {key: value for key, value in wishes.items() if value is not None}
        row = run_flow(place, store, name, "ablate", parameters, detach=detach, quiet=json)
        metrics = runs.metrics_of(store.reader, row.key)
        words = runs.parameters_of(store.reader, row.key)
    names = [key.removeprefix("view.").removesuffix(".earns") for key in metrics if key.endswith(".earns")]
    views = [
        {
            "view": view,
            "earns": metrics[f"view.{view}.earns"],
            "low": metrics.get(f"view.{view}.earns.low"),
            "high": metrics.get(f"view.{view}.earns.high"),
            "seconds": metrics["seconds"] - metrics[f"without.{view}.seconds"],
            "says": words.get(f"view.{view}", ""),
        }
        for view in sorted(names, key=lambda view: -metrics[f"view.{view}.earns"])
    ]
    shown: dict[str, object] = {"run": row.key, "state": row.state, "metrics": metrics, "views": views}
    emit(
        shown,
        as_json=json,
        human=lambda: table(
            ["view", "earns", "low", "high", "seconds"],
            [(one["view"], one["earns"], one["low"], one["high"], one["seconds"]) for one in views],
            empty="not done yet",
        ),
    )
    if not json:
        for one in views:
            say(f"  {one['view']}: {one['says']}")


__all__ = ["ablate"]
