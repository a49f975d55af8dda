"""`trainmaster predict`: one answer of the gateway by record or by entity, and a batch over the feature store."""

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.render import emit, fields, short_time, table
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
from app.cli.waiting import run_flow
from app.domain.errors import BadInput, NotFound
from app.domain.text import visible

commands = group("Ask the gateway by record or by entity, or predict a batch over the feature store.")
LARGEST_FILE = 1_000_000


@commands.command()
def record(
    given: Annotated[list[str], typer.Argument(help="FEATURE=VALUE (JSON) each; or a file with JSON; or - for stdin.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Ask the production version with the features of a record (or a list of records)."""
    from app.services import serving

    place = current_workspace(workspace)
    name = chosen_project(place, project)
    document: Any = _pairs(given) if all("=" in one for one in given) else _document(given)
    _show(serving.ask(place, name, document if isinstance(document, list) else [document]), json=json)


@commands.command()
def entity(
    keys: Annotated[list[str], typer.Argument(help="KEY=VALUE each, of one entity.")],
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Ask the production version about an entity; its features come from the online store."""
    from app.services import serving
    from app.services.features.online import OnlineReader, entity_of

    place = current_workspace(workspace)
    name = chosen_project(place, project)
    reader = OnlineReader.of(place)
    try:
        found = entity_of(keys, reader.views(name))
    finally:
        reader.close()
    _show(serving.ask_entities(place, name, [found]), json=json)


def _pairs(given: list[str]) -> dict[str, object]:
    """FEATURE=VALUE each; a value that is no JSON is a text."""
    found: dict[str, object] = {}
    for pair in given:
        name, _, text = pair.partition("=")
        try:
            found[name] = jsonlib.loads(text)
        except ValueError:
            found[name] = text
    return found


def _document(given: list[str]) -> Any:
    """What stands in a file, or in standard input; raises BadInput, NotFound."""
    source = given[0]
    try:
        text = sys.stdin.read(LARGEST_FILE) if source == "-" else Path(source).read_text(encoding="utf-8")
    except OSError:
        raise NotFound(f"there is no file {visible(source)}", next_step="trainmaster predict record -") from None
    try:
        found = jsonlib.loads(text)
    except ValueError as error:
        raise BadInput(f"not JSON: {visible(error)}", where=visible(source), next_step="write JSON records") from None
    if not isinstance(found, dict | list):
        raise BadInput("a record is a JSON object", where=visible(source), next_step="write JSON records")
    return found


def _show(answer: dict[str, object], *, json: bool) -> None:
    def human() -> None:
        shown = {key: value for key, value in answer.items() if key != "features"}
        features = answer.get("features")
        for row in features["rows"] if isinstance(features, dict) else ():
            ages = ", ".join(f"{view} {age / 3600:,.1f} h" for view, age in row["ages_s"].items())
            shown["age of features"] = ages or "no time"
            for name in ("stale", "missing", "defaulted"):
                if row.get(name):
                    shown[name] = ", ".join(row[name])
        fields(shown)

    emit(answer, as_json=json, human=human)


@commands.command()
def batch(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="Event times from here on (ISO 8601, with a zone).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Event times before this.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Also write the rows to this .parquet or .csv.")
    ] = None,
    json: Json = False,
) -> None:
    """Predict what is newer than the last batch, or a window, with the production version; goes on after a kill."""
    from app.services.predictions.writing import require_kind, write_batch
    from app.store.queries import runs, serving

    if out is not None:
        require_kind(out)
    window: dict[str, object] = {name: text for name, text in (("from", begin), ("to", end)) if text is not None}
    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        row = run_flow(place, store, name, "predict", window, quiet=json)
        made = next((one for one in serving.prediction_batches(store.reader, project=name) if one.run == row.key), None)
        tasks = runs.tasks_of(store.reader, row.key)
        written = write_batch(store, made.key, out) if made is not None and out is not None else None
    shown: dict[str, object] = {"run": row.key, "state": row.state, "says": tasks[-1].says if tasks else ""}
    if made is not None:
        shown |= {
            "batch": made.key,
            "rows": made.rows,
            "version": made.version,
            "from": made.window_from,
            "to": made.window_to,
        }
    if written is not None:
        shown["file"] = str(written.path)
    emit(shown, as_json=json, human=lambda: fields(shown))


@commands.command("batches")
def list_batches(
    workspace: WorkspaceDir = None, project: ProjectName = None, limit: Limit = 20, json: Json = False
) -> None:
    """List the batches, newest first."""
    from app.store.queries import serving

    with reading(workspace) as (_, reader):
        rows = serving.prediction_batches(reader, project=project, limit=limit)
    emit(
        rows,
        as_json=json,
        human=lambda: table(
            ["batch", "project", "version", "features", "rows", "from", "to", "made", "run"],
            [
                (
                    row.key, row.project, f"v{row.version}", f"v{row.features_version}", row.rows,
                    short_time(row.window_from), short_time(row.window_to), short_time(row.created_at), row.run,
                )
                for row in rows
            ],
            empty="no batch was predicted yet; predict one: trainmaster predict batch",
        ),
    )  # fmt: skip


@commands.command("write")
def write(
    key: Annotated[str, typer.Argument(help="The batch (trainmaster predict batches).")],
    out: Annotated[Path, typer.Argument(help="A file that ends in .parquet or .csv.")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Write a batch's rows to a file: absent or whole."""
    from app.services.predictions.writing import write_batch

    with opened(workspace) as (_, store):
        written = write_batch(store, key, out)
    emit(written, as_json=json, human=lambda: print(written.says))
