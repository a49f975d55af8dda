"""`trainmaster features training-set`: named, versioned rows to learn from."""

import json as json_text
from datetime import datetime
from typing import Annotated

import typer

from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading
from app.domain.errors import BadInput

commands = group("Training sets: named rows, their window, their split, and what they digest to.")
Named = Annotated[str, typer.Argument(metavar="NAME[/VERSION]", help="The training set; default: its newest version.")]


def moment(text: str | None, option: str) -> datetime | None:
    """A moment as a person types it, or None; raises BadInput for one without a zone."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no moment", where=option, next_step=f"{option} 2013-03-31T18:00:00Z") from None
    if found.tzinfo is None:
        raise BadInput(f"{text!r} has no time zone", where=option, next_step=f"{option} {text}Z")
    return found


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name; the same rows and split under it are kept once.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    features: Annotated[int | None, typer.Option("--features", help="The version; default: the newest.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="Rows from this event time on (ISO 8601).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Rows before this event time.")] = None,
    json: Json = False,
) -> None:
    """Name the labelled rows of a feature set, split by the project's rule; a split that leaks is refused."""
    from app.services.features import create_training_set
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        opened_project = open_project(place, chosen_project(place, project))
        window = (moment(begin, "--from"), moment(end, "--to"))
        made = create_training_set(store, opened_project, name, features=features, window=window)
    say(made.says)
    emit(made, as_json=json, human=lambda: fields({"training set": f"{made.name}/{made.version}", **vars(made)}))


@commands.command("ls")
def list_sets(
    workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 50, json: Json = False
) -> None:
    """List training sets, newest first, and how many runs have learned from each."""
    from app.store.queries import training_sets

    with reading(workspace) as (_, reader):
        found = training_sets.training_sets(reader, project=project, limit=limit)
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["project", "training set", "features", "rows", "train", "test", "left out", "runs", "digest", "made"],
            [
                (
                    one.project,
                    f"{one.name}/{one.version}",
                    f"v{one.features}",
                    one.rows,
                    one.train_rows,
                    one.test_rows,
                    one.purged_rows,
                    one.used_by,
                    one.digest[:12],
                    short_time(one.created_at),
                )
                for one in found
            ],
            empty="no training set yet; name one: trainmaster features training-set create NAME",
        ),
    )


@commands.command()
def show(
    named: Named,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    verify: Annotated[bool, typer.Option("--verify", help="Make its rows again and compare the digests.")] = False,
    json: Json = False,
) -> None:
    """Show one training set: features, window, split, digests; with --verify exit 1 when its rows have changed."""
    from app.services.features import find_training_set, rebuild_training_set
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        found = find_training_set(store.reader, name, named)
        verified = rebuild_training_set(store, open_project(place, name), named) if verify else None
    shown = {
        "training_set": f"{found.name}/{found.version}",
        **{key: value for key, value in vars(found).items() if key not in ("id", "feature_set_id", "split")},
        "split": json_text.loads(found.split),
        "verified": None if verified is None else True,
    }
    emit(shown, as_json=json, human=lambda: fields(shown))
