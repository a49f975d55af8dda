"""`trainmaster runs compare|note|tag|archive|baseline`: runs beside each other, and what a person puts on them."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, WorkspaceDir, opened
from app.domain.errors import Usage

if TYPE_CHECKING:
    from app.services.runs import CodeChange
    from app.store.queries.runs import Comparison, Line

RunKey = Annotated[str, typer.Argument(help="The run's key, or the beginning of it.")]
RunKeys = Annotated[list[str], typer.Argument(help="Keys of runs, or beginnings of them.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


def compare(
    keys: RunKeys,
    workspace: WorkspaceDir = None,
    baseline: Annotated[str | None, typer.Option(help="The run to compare with; default: the pinned one.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what is the same.")] = False,
    patch: Annotated[bool, typer.Option("--patch", help="Print the difference of the code.")] = False,
    json: Json = False,
) -> None:
    """Compare 2 to 12 runs: parameters, metrics with intervals, features, packages, code; only what differs."""
    from app.services import runs as service
    from app.store.queries import runs

    with opened(workspace) as (place, store):
        found = runs.compare_runs(store.reader, keys, baseline=baseline)
        pairs = service.paired(store.reader, place, found)
        found = service.with_paired(found, pairs)
        code = service.code_changes(store, place, found)
    document = {**runs.as_documents(found, everything=everything), "paired": pairs, "code": code}
    emit(document, as_json=json, human=lambda: _print(found, code, everything=everything, patch=patch))


def _print(found: "Comparison", code: "Sequence[CodeChange]", *, everything: bool, patch: bool) -> None:
    headings = [("* " if at == found.baseline else "") + key for at, key in enumerate(found.keys)]
    for section in found.sections:
        rows = [(line.name, *cells(line)) for line in section.lines if everything or not line.same]
        if rows:
            table([section.name, *headings], rows, empty="")
            print()
    table(["code", "next to the baseline"], [(change.run, change.says) for change in code], empty="")
    for change in code if patch else ():
        print(f"\n--- code of {change.run}\n{change.patch}")
        for whose, text in (("run", change.uncommitted), ("baseline", change.baseline_uncommitted)):
            if text:
                print(f"--- not committed when the {whose} began\n{text}")
    for verdict in found.verdicts:
        print(f"verdict: {verdict}")
    differ, total = found.counts()
    say(f"{differ} of {total} differ" + ("" if everything else "; --all shows the rest"))


def cells(line: "Line") -> list[str | None]:
    """The values of a line with their margins; those that are not the baseline's in brackets."""
    cells: list[str | None] = []
    margins = line.margins or (None,) * len(line.values)
    for value, differs, margin in zip(line.values, line.differs, margins, strict=True):
        text = value if isinstance(value, str) else None if value is None else _number(value)
        reach = f" ±{margin:.4g}" if margin is not None else ""
        cells.append(None if text is None else f"‹{text}›{reach}" if differs else f"{text}{reach}")
    return cells


def _number(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else str(value)


def note(run: RunKey, says: Annotated[str, typer.Argument(help="The note.")], workspace: WorkspaceDir = None,
         json: Json = False) -> None:  # fmt: skip
    """Add a note to a run."""
    from app.services import runs as service
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = service.note(store, run, says, by=actor())
    emit(done, as_json=json, human=lambda: print(done.says))


def tag(
    run: RunKey,
    tags: Annotated[list[str] | None, typer.Argument(help="name or name=value.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Take a tag away.")] = None,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Put tags on a run, or take them away."""
    from app.services import runs as service
    from app.services.workspaces import actor

    if not tags and not remove:
        raise Usage("which tag?", next_step=f"trainmaster runs tag {run} candidate team=risk")
    wanted = {name: value for name, _, value in (text.partition("=") for text in tags or ())}
    with opened(workspace) as (_, store):
        done = service.tag(store, run, wanted, remove=remove or (), by=actor())
    emit(done, as_json=json, human=lambda: print(done.says))


def archive(
    keys: RunKeys,
    back: Annotated[bool, typer.Option("--back", help="Get them back.")] = False,
    reason: Reason = "",
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Put runs into the archive: lists leave them out, nothing is deleted."""
    from app.services import runs as service
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = service.archive(store, keys, back=back, by=actor(), reason=reason)
    emit(done, as_json=json, human=lambda: print("\n".join(one.says for one in done)))


def baseline(
    run: Annotated[str | None, typer.Argument(help="The run to pin; without one the pin is taken away.")] = None,
    workspace: WorkspaceDir = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Whose pin to take away.")] = None,
    json: Json = False,
) -> None:
    """Pin a run as the baseline of its project."""
    from app.services import runs as service
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        done = service.pin_baseline(store, run, project=project, by=actor())
    emit(done, as_json=json, human=lambda: print(done.says))


COMMANDS = (compare, note, tag, archive, baseline)
