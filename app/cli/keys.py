"""`trainmaster keys`: every key of the control room, from its one table of actions."""

from app.cli.render import emit, table
from app.cli.session import Json, single

command = single()


@command.command()
def keys(json: Json = False) -> None:
    """List the keys of the control room: what each does, where, and the id to remap it by."""
    from app.domain import actions

    rows = actions.table()
    emit(
        [{"key": key, "action": name, "says": says, "where": where} for key, name, says, where in rows],
        as_json=json,
        human=lambda: table(
            ["key", "does", "where", "action"], [(key, says, where, name) for key, name, says, where in rows], empty=""
        ),
    )
