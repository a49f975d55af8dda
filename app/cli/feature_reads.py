"""What is online and in whose features: materialize, get, verify-skew, search and show of `trainmaster features`."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, current_workspace, opened, reading
from app.cli.training_sets import moment
from app.domain.errors import NotFound, Refused

if TYPE_CHECKING:
    from app.store.queries.online import OnlinePublishRow


def materialize(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    features: Annotated[int | None, typer.Option("--features", help="The version; default: the newest.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="As known at this moment (ISO 8601); default: now.")] = None,
    json: Json = False,
) -> None:
    """Bring the newest features online and compare them with the offline store; a build does it too."""
    from app.cli.waiting import run_flow
    from app.store.queries import online

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        parameters: dict[str, object] = {} if features is None else {"feature_set": features}
        if at is not None:
            parameters["at"] = str(moment(at, "--at"))
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
        found = reader.get(name, entity_of(entity, reader.views(name)), view=view, at=moment(at, "--at"))
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


def search(
    words: Annotated[list[str], typer.Argument(help="Every word must be found.")],
    workspace: WorkspaceDir = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """Who already computes this? Search the views of all projects: names, columns, tags, owner, words and code."""
    from app.services.features import search as find

    with reading(workspace) as (place, reader):
        found = find(reader, place, " ".join(words), limit=limit)
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["project", "view", "found in", "owner", "says", "columns"],
            [
                (one.project, one.view, ", ".join(one.where), one.owner, one.says, " ".join(one.columns))
                for one in found
            ],
            empty="no view knows all of these words",
        ),
    )


def show(
    view: Annotated[str, typer.Argument(help="The view.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    features: Annotated[int | None, typer.Option("--features", help="The version; default: the newest.")] = None,
    json: Json = False,
) -> None:
    """Show one view: what is declared, and the statistics of its columns."""
    from app.store.queries import features as queries

    with reading(workspace) as (place, reader):
        name = chosen_project(place, project)
        found = queries.feature_set(reader, name, features)
        if found is None:
            raise NotFound("no such version of the features", next_step="trainmaster features build")
        chosen = next((one for one in found.views if one.name == view), None)
        if chosen is None:
            names = ", ".join(one.name for one in found.views)
            raise NotFound(
                f"v{found.version} has no view {view!r}; it has {names}", next_step="trainmaster features ls"
            )
        described = queries.statistics(reader, found).get(view, {})
    shown = {"project": name, "features": found.version, **vars(chosen), "statistics": described.get("columns", {})}
    emit(shown, as_json=json, human=lambda: _show_view(shown, described.get("columns", {})))


def _show_view(shown: dict[str, object], columns: dict[str, dict[str, object]]) -> None:
    told = {key: value for key, value in shown.items() if key not in ("statistics", "columns", "kinds")}
    fields({key: ", ".join(map(str, value)) if isinstance(value, tuple) else value for key, value in told.items()})
    table(
        ["column", "kind", "rows", "missing", "mean", "least", "median", "greatest", "most frequent"],
        [
            (
                name,
                one["kind"],
                one["count"],
                one["missing"],
                one.get("mean"),
                one.get("least"),
                _median(one),
                one.get("greatest"),
                ", ".join(f"{text} {count}" for text, count in _top(one)[:3]),
            )
            for name, one in columns.items()
        ],
        empty="no statistics yet: trainmaster features build",
    )


def _median(one: dict[str, object]) -> object:
    quantiles = one.get("quantiles")
    return quantiles.get("0.5") if isinstance(quantiles, dict) else None


def _top(one: dict[str, object]) -> list[tuple[str, int]]:
    top = one.get("top")
    return [(str(text), int(count)) for text, count in top] if isinstance(top, list) else []
