"""`trainmaster data profile`, `data compare` and `data import`: look at rows, and let a file come in."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened


def profile(
    name: Annotated[str, typer.Argument(help="A snapshot (or the beginning of its key), or a source.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Show what each column holds, how it goes with the target, and which columns know the answer.

    A snapshot's profile is the artifact of its ingest; a source's is computed over all rows that it holds now.
    Rows that should be labelled and are not: exit 1.
    """
    from app.services import data
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        found = data.profile_of(store, open_project(place, chosen_project(place, project)), name)
    document = {"source": found.source, "snapshot": found.snapshot, "digest": found.digest, **found.document}
    emit(document, as_json=json, human=lambda: _print(document))
    found.require_labels()


def compare(
    before: Annotated[str, typer.Argument(help="A snapshot, or the beginning of its key.")],
    after: Annotated[str, typer.Argument(help="The other one.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Compare two snapshots: columns that came or went, counts, and how far the values have moved."""
    from app.services import data
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        found = data.compare_snapshots(store, open_project(place, chosen_project(place, project)), before, after)

    def human() -> None:
        table(
            ["", "snapshot", "source", "rows", "quarantined", "digest"],
            [
                (word, one.snapshot, one.source, one.rows, one.quarantined, one.digest[:12])
                for word, one in (("before", found.before), ("after", found.after))
            ],
            empty="",
        )
        print()
        table(
            ["column", "change", "psi", "ks", "missing before", "after", "mean before", "after", "new values"],
            [
                (
                    one.name,
                    one.change if one.change != "same" else "moved" if one.has_moved else "",
                    one.psi,
                    one.ks,
                    one.missing_before,
                    one.missing_after,
                    one.mean_before,
                    one.mean_after,
                    ", ".join(one.new_values),
                )
                for one in found.columns
            ],
            empty="they have no column",
        )
        say(found.says)

    emit(found, as_json=json, human=human)


def import_file(
    file: Annotated[Path, typer.Argument(help="The file.")],
    source: Annotated[str, typer.Option("--source", help="The source that it belongs to.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit log.")] = "",
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Check a file against the contract of a source and copy it, whole, to where the next ingest finds it."""
    from app.services import data
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        there = open_project(place, chosen_project(place, project))
        done = data.import_file(store, there, source, file, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: say(done.says))


def _print(document: dict[str, object]) -> None:
    columns, hints, target = document["columns"], document["hints"], document["target"]
    assert isinstance(columns, list)
    assert isinstance(hints, list)
    assert isinstance(target, dict)
    table(
        ["column", "kind", "missing", "distinct", "lowest", "median", "highest", "mean", "target", "most frequent"],
        [
            (
                one["name"],
                one["kind"],
                one["missing"],
                one["distinct"],
                _short(one["minimum"]),
                one["quantiles"][3] if one["quantiles"] else None,
                _short(one["maximum"]),
                one["mean"],
                one["correlation"],
                "(private)"
                if one["privacy"] in ("personal", "protected")
                else ", ".join(f"{value} ({count})" for value, count in one["top"][:3]),
            )
            for one in columns
        ],
        empty="it has no column",
    )
    labelled = target["labelled"]
    known = "no label here" if labelled is None else f"{labelled:,} of {target['rows']:,} rows labelled"
    say(f"{document['rows']:,} rows, {document['duplicates']:,} duplicates; target {target['name']}: {known}")
    say(f"  {target['says']}")
    for hint in hints:
        say(f"  it may know the answer: {hint['column']}: {hint['says']}")


def _short(value: object) -> object:
    return value[:19] if isinstance(value, str) else value
