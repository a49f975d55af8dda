"""`trainmaster lineage`: what a thing came from, and what came from it."""

from typing import Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, WorkspaceDir, opened, single

command = single()


@command.command()
def lineage(
    ref: Annotated[str, typer.Argument(help="model:NAME@production, model:NAME/3, run:KEY, snapshot:KEY, ...")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Show the graph around a thing: nodes with digests, and edges."""
    from app.domain.ids import Ref
    from app.services import lineage as service

    with opened(workspace) as (_, store):
        found = service.lineage(store, Ref.parse(ref))

    def human() -> None:
        labels = {node.id: node.label for node in found.nodes}
        table(
            ["from", "", "to", "because"],
            [
                (labels.get(edge.source, edge.source), "→", labels.get(edge.target, edge.target), edge.kind)
                for edge in found.edges
            ],
            empty="nothing came from it, and it came from nothing",
        )
        say(f"{len(found.nodes)} things, {len(found.edges)} edges")

    emit(found.as_json(), as_json=json, human=human)
