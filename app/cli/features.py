"""`trainmaster features`: versions of the views, building them, and reading them online."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import (
    Json,
    Limit,
    ProjectName,
    WorkspaceDir,
    chosen_project,
    current_workspace,
    group,
    opened,
    reading,
)
from app.domain.errors import BadInput, Refused

if TYPE_CHECKING:
    from app.store.queries.online import OnlinePublishRow

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


@commands.command()
def materialize(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    features: Annotated[int | None, typer.Option("--features", help="The version; default: the newest.")] = None,
    json: Json = False,
) -> None:
    """Bring the newest features online and compare them with the offline store; a build does it too."""
    from app.cli.waiting import run_flow
    from app.store.queries import online

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        parameters: dict[str, object] = {} if features is None else {"feature_set": features}
        run_flow(place, store, name, "materialize", parameters, quiet=json)
        published = online.newest_publish(store.reader, name)
    assert published is not None
    emit(published, as_json=json, human=lambda: _show_publish(published))


def _show_publish(published: "OnlinePublishRow") -> None:
    known = short_time(published.known_until)
    say(f"{published.project} v{published.version} is online, with what was known at {known}")
    table(
        ["view", "rows", "not known yet", "written"],
        [(view.view, view.rows, view.waiting, view.is_new) for view in published.views],
        empty="no view has an entity",
    )


@commands.command()
def get(
    entity: Annotated[list[str], typer.Option("--entity", "-e", help="KEY=VALUE of the entity; may be repeated.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    view: Annotated[str | None, typer.Option("--view", help="One view; default: all.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="The moment (ISO 8601, UTC); default: now.")] = None,
    json: Json = False,
) -> None:
    """Read what is known of an entity now from the online store, with event time, created time and age."""
    from app.services.features import OnlineReader, entity_of

    place = current_workspace(workspace)
    name = chosen_project(place, project)
    reader = OnlineReader.of(place)
    try:
        found = reader.get(name, entity_of(entity, reader.views(name)), view=view, at=_moment(at))
    finally:
        reader.close()
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["view", "feature", "value", "state", "event time", "created time", "age", "version"],
            [
                (
                    row.view,
                    feature,
                    value,
                    row.state,
                    "" if row.event_time is None else short_time(row.event_time.isoformat()),
                    "" if row.created_time is None else short_time(row.created_time.isoformat()),
                    "" if row.age_s is None else f"{row.age_s / 3600:,.1f} h",
                    f"v{row.feature_set}",
                )
                for row in found
                for feature, value in (row.values or {"–": None}).items()
            ],
            empty="no view is online",
        ),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no moment", where="--at", next_step="--at 2013-03-31T18:00:00Z") from None
    if found.tzinfo is None:
        raise BadInput(f"{text!r} has no time zone", where="--at", next_step=f"--at {text}Z")
    return found


@commands.command("verify-skew")
def verify_skew(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    entities: Annotated[int, typer.Option("-n", "--entities", min=1, max=1_000_000, help="So many a view.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Which entities are drawn.")] = 7,
    json: Json = False,
) -> None:
    """Compute online rows again offline; exit 1 when one value differs."""
    from app.services import features
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        found = features.verify_skew(
            store, open_project(place, chosen_project(place, project)), entities=entities, seed=seed
        )
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["view", "key", "at", "feature", "online", "offline"],
            [(one.view, one.key, short_time(one.at), one.column, one.online, one.offline) for one in found.examples],
            empty=found.says,
        ),
    )
    if found.differences:
        raise Refused(found.says, next_step=f"trainmaster features materialize --project {found.project}")
