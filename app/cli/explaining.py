"""`trainmaster models explain`, `card` and `export`: a version for people, and for elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, say, table
from app.cli.session import Json, WorkspaceDir, opened, reading
from app.domain.errors import Usage

if TYPE_CHECKING:
    from app.store.reader import Reader

ModelName = Annotated[str, typer.Argument(help="The model's name.")]
Version = Annotated[int | None, typer.Option(min=1, help="Default: the one in production, or the newest.")]


def explain(
    model: ModelName,
    version: Version = None,
    entity: Annotated[str | None, typer.Option("--id", help="Explain the newest row of this entity.")] = None,
    row: Annotated[str | None, typer.Option("--row", help="Explain this JSON object of features.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Show what a version looks at: gain, SHAP, permutation; or take one prediction apart."""
    if entity is not None and row is not None:
        raise Usage("an entity or a row, not both", next_step=f"trainmaster models explain {model} --id ENTITY")
    if entity is None and row is None:
        return _explain_model(model, version, workspace, json)
    from app.services.experiments import explaining
    from app.services.workspaces import open_project
    from app.store.queries import registry

    with opened(workspace) as (place, store):
        number = version or usual(store.reader, model)
        if row is not None:
            record = explaining.read_record(row)
        else:
            project = registry.version_of(store.reader, model, number).project
            record = explaining.record_of_entity(store, open_project(place, project), model, number, entity or "")
        found = explaining.explain_record(store, model, number, record)
    document = {"model": model, "version": number, "id": entity, "record": record, "explained": found}

    def human() -> None:
        print(f"{model} v{number} predicts {found.prediction}")
        print(f"{found.method}, in {found.unit}: base {found.base:.4f}, this row {found.score:.4f}")
        table(
            ["feature", "value", "contribution"],
            [(one.feature, one.value, one.contribution) for one in found.reasons],
            empty="no feature",
        )

    return emit(document, as_json=json, human=human)


def _explain_model(model: str, version: int | None, workspace: Path | None, json: bool) -> None:
    from app.store.queries.evaluation import evaluation_of

    with reading(workspace) as (_, reader):
        found = evaluation_of(reader, model, version or usual(reader, model))
    document = {
        "model": model,
        "version": found.version,
        "importance": found.importance,
        "unknown": found.unknown,
    }
    emit(
        document,
        as_json=json,
        human=lambda: table(
            ["feature", "shap", "gain", "permutation"],
            [(one.feature, one.shap, one.gain, one.permutation) for one in found.importance],
            empty="unknown: this version was registered before importances were kept",
        ),
    )


def card(
    model: ModelName,
    version: Version = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write FILE.md or FILE.html.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Print the model card as Markdown, or write it with its plots to a .md or .html file."""
    from app.learning import card_text
    from app.services.registry.carding import card_of_version

    if output is not None and output.suffix not in (".md", ".html"):
        raise Usage("a card is Markdown or HTML", next_step=f"trainmaster models card {model} --output card.html")
    with reading(workspace) as (_, reader):
        number = version or usual(reader, model)
        found = card_of_version(reader, model, number)
    if output is not None:
        write(output, card_text.html(found) if output.suffix == ".html" else card_text.markdown(found))
    document = {
        "model": model,
        "version": number,
        "missing": found.missing,
        "output": output,
        "markdown": card_text.markdown(found, plots=False),
    }
    emit(document, as_json=json, human=lambda: print(output or document["markdown"]))
    if found.missing and not json:
        say(f"  nobody has filled: {', '.join(found.missing)} ([card] in project.toml)")


def export(
    model: ModelName,
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    version: Annotated[int | None, typer.Option(min=1, help="Default: the one in production.")] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also as ONNX, verified against the stored predictions.")
    ] = False,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Write a version as a folder that loads and proves itself without trainmaster; absent or whole."""
    from app.services.registry import exporting
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = exporting.export(store, model, version, folder.resolve(), by=actor(), onnx=onnx)
    shown = {"model": done.model, "version": done.version, "folder": done.path, "files": done.files}
    shown |= {"size_bytes": done.size_bytes, "proof": done.proof}
    emit(shown, as_json=json, human=lambda: fields(shown | {"files": ", ".join(done.files)}))
    if not json:
        say(f"  elsewhere: pip install -r {done.path.name}/requirements.txt && python {done.path.name}/verify.py")


def usual(reader: "Reader", model: str) -> int:
    """The version that is meant when none is named: the one in production, or the newest; raises NotFound."""
    from app.domain.errors import NotFound
    from app.store.queries import registry

    rows = registry.versions_of(reader, model)
    if not rows:
        raise NotFound(f"there is no model {model!r}", next_step="trainmaster models ls")
    return next((row.version for row in rows if row.stage == "production"), rows[0].version)


def write(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all; raises Unavailable."""
    import os

    from app.domain.errors import Unavailable

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise Unavailable(f"{path} cannot be written: {error.strerror}", next_step="choose another file") from None


__all__ = ["card", "explain", "export", "usual"]
