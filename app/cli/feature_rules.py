"""`trainmaster features diff, explain, test, compact, prune`: what changed, why a value is what it is, what may go."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened
from app.domain.errors import Refused, Usage

Version = Annotated[int | None, typer.Option("--version", help="A published version; default: the newest.")]


def build(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; publish nothing.")] = False,
    caused_by: Annotated[
        str | None, typer.Option("--caused-by", help="What asked for this change: alert:KEY, feedback:KEY, ...")
    ] = None,
    because: Annotated[str | None, typer.Option("--because", help="The item of feedback that asked for it.")] = None,
    json: Json = False,
) -> None:
    """Compute the views from the newest snapshots and publish them; nothing changed means no new version."""
    from app.cli.waiting import run_flow
    from app.store.queries import features

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        if dry_run:
            from app.services.features import preview
            from app.services.workspaces import open_project

            return _show_change(preview(store, open_project(place, name)), as_json=json)
        wishes = {"caused_by": f"feedback:{because}" if because else caused_by, "because": because}
        asked: dict[str, object] = {key: value for key, value in wishes.items() if value is not None}
        row = run_flow(place, store, name, "features", asked, quiet=json)
        newest = features.feature_set(store.reader, name)
    assert newest is not None
    shown = {"run": row.key, "features": f"{name}/v{newest.version}", "digest": newest.digest, "rows": newest.rows}
    return emit(shown, as_json=json, human=lambda: fields(shown))


def diff(
    before: Annotated[int, typer.Argument(help="The older version.")],
    after: Annotated[int, typer.Argument(help="The newer version.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Compare two published versions: rows, columns, values, and the feature code."""
    from app.services.features import diff as compare
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        change = compare(store, open_project(place, chosen_project(place, project)), before, after)
    _show_change(change, as_json=json)


def explain(
    entity: Annotated[list[str], typer.Option("--entity", "-e", help="A key as NAME=VALUE; repeat it for more keys.")],
    at: Annotated[str | None, typer.Option("--at", help="The moment (ISO 8601); default: the row's own.")] = None,
    version: Version = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Show each feature of an entity at a moment: value, view, event time, created time, age."""
    from app.services.features import explain as explained
    from app.services.workspaces import open_project

    keys = dict(_pair(text) for text in entity)
    with opened(workspace) as (place, store):
        found = explained(
            store, open_project(place, chosen_project(place, project)), keys, at=_moment(at), version=version
        )
    emit(
        found,
        as_json=json,
        human=lambda: table(
            ["feature", "value", "view", "event", "created", "age h", "because"],
            [
                (
                    one.feature,
                    "" if one.value is None else f"{one.value:g}" if isinstance(one.value, float) else one.value,
                    one.view,
                    _short(one.event_time),
                    _short(one.created_time),
                    "" if one.age_s is None else f"{one.age_s / 3600:.1f}",
                    one.says,
                )
                for one in found.features
            ],
            empty="no view has these keys",
        ),
    )


def prove(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Prove on the newest rows that no rule reads the future; exit 1 names the function, the column and a row."""
    from app.services.features import prove_project
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        tested = prove_project(store, open_project(place, chosen_project(place, project)))

    def human() -> None:
        say(tested.says)
        for line in tested.unproved:
            say(f"not proved: {line}")

    emit(tested, as_json=json, human=human)


def compact(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Merge the small files of every table; each version reads as before."""
    from app.services.features import compact as compacted
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        found = compacted(store, open_project(place, chosen_project(place, project)), by=actor())
    emit(found, as_json=json, human=lambda: say(found.says))


def prune(
    version: Annotated[int | None, typer.Argument(help="One version; default: all but the newest.")] = None,
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest stay.")] = 3,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit log.")] = "retention",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; remove nothing.")] = False,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Remove versions that nothing refers to, and the files that only they read."""
    from app.services.features import prune as pruned
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        found = pruned(
            store,
            open_project(place, chosen_project(place, project)),
            by=actor(),
            reason=reason,
            version=version,
            keep=keep,
            dry_run=dry_run,
        )

    def human() -> None:
        kept = [(f"v{number}", why) for number, why in sorted(found.kept.items())]
        table(["stays", "because"], kept, empty="no version stays")
        say(found.says)

    emit(found, as_json=json, human=human)


def _show_change(change: object, *, as_json: bool) -> None:
    from app.services.features import Change

    assert isinstance(change, Change)

    def human() -> None:
        table(
            ["table", "what", "rows", "+", "-", "columns"],
            [
                (
                    one.table,
                    one.action,
                    f"{one.rows_before:,} -> {one.rows_after:,}",
                    one.rows_added,
                    one.rows_removed,
                    ", ".join(
                        f"{column.column} {column.what}" + (f" in {column.rows:,} rows" if column.rows else "")
                        for column in one.columns
                    ),
                )
                for one in change.tables
            ],
            empty="there is no table",
        )
        for line in change.code.splitlines():
            say(line)
        say(change.says)

    emit(change, as_json=as_json, human=human)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Usage(f"{text!r} is not NAME=VALUE", next_step="write --entity flight_id=20130101-UA1545-EWR-0515")
    return name, value


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"{text!r} is no moment", next_step="write --at 2013-03-01T12:00:00Z") from None
    if found.tzinfo is None:
        raise Refused(f"{text!r} has no time zone", next_step=f"write --at {text}Z for UTC")
    return found.astimezone(UTC)


def _short(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
