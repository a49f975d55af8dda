"""Asking about a run before an act: again with other parameters, a note, tags."""

import json
from typing import TYPE_CHECKING

from app.domain.errors import TrainmasterError
from app.store.queries.runs import notes_of, run_detail, tags_of
from app.tui import run_acts
from app.tui.dialogs.runs import Again, Edit

if TYPE_CHECKING:
    from app.tui.app import ControlRoom


def ask_again(control: "ControlRoom", key: str) -> None:
    """Open the form with a run's parameters; the new run is asked for when it is confirmed."""
    try:
        detail = run_detail(control.reader(), key)
        parameters = json.loads(detail.parameters)
    except (TrainmasterError, ValueError) as error:
        control.complain(error)
        return
    form = Again(detail.row.flow, detail.row.key, parameters if isinstance(parameters, dict) else {})

    def done(confirmed: bool | None) -> None:
        if confirmed:
            work = run_acts.again_with(control.acts, key, form.parameters or {})
            control.start_act(work, done=f"requested {detail.row.flow} again")

    control.push_screen(form, done)


def ask_edit(control: "ControlRoom", key: str) -> None:
    """Open the form for a note and the tags of a run."""
    try:
        reader = control.reader()
        detail, before = run_detail(reader, key), tags_of(reader, key)
        notes = [f"{row.actor}: {row.says}" for row in notes_of(reader, key)]
    except TrainmasterError as error:
        control.complain(error)
        return
    form = Edit(detail.row.key, detail.row.tags, notes)

    def done(confirmed: bool | None) -> None:
        if not confirmed:
            return
        if form.note:
            control.start_act(run_acts.note(control.acts, key, form.note), done=f"noted on {key[:6]}")
        if form.tags != before:
            gone = tuple(name for name in before if name not in form.tags)
            control.start_act(run_acts.tag(control.acts, key, form.tags, gone), done=f"tagged {key[:6]}")

    control.push_screen(form, done)


__all__ = ["ask_again", "ask_edit"]
