"""Dialogs about a run: again with other parameters, and what a person puts on it."""

import json
import shlex
from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from app.tui.dialogs.dialog import Dialog, fact
from app.tui.lines import Line, line
from app.tui.panel import Bar


def written(parameters: Mapping[str, object]) -> str:
    """Parameters as a person edits them.

    >>> written({"rounds": 300, "learner": "lightgbm", "note": "two words"})
    "rounds=300 learner=lightgbm 'note=two words'"
    """
    shown = ((key, value if isinstance(value, str) else json.dumps(value)) for key, value in parameters.items())
    return " ".join(shlex.quote(f"{key}={value}") if _odd(value) else f"{key}={value}" for key, value in shown)


def read(text: str) -> dict[str, object] | None:
    """The parameters of such a text; numbers, true, false and null are read as JSON; None when it is not one.

    >>> read("rounds=300 rate=.1 'note=two words' fast=true"), read("rounds"), read("a='b")
    ({'rounds': 300, 'rate': 0.1, 'note': 'two words', 'fast': True}, None, None)
    """
    try:
        pieces = shlex.split(text)
    except ValueError:
        return None
    found: dict[str, object] = {}
    for piece in pieces:
        name, sign, value = piece.partition("=")
        if not sign or not name.strip():
            return None
        found[name.strip()] = _value(value)
    return found


def _odd(value: str) -> bool:
    return not value or shlex.quote(value) != value


def _value(text: str) -> object:
    try:
        found: object = json.loads(text)
    except ValueError:
        try:
            found = float(text)
        except ValueError:
            return text
    if isinstance(found, float) and (found != found or found in (float("inf"), float("-inf"))):
        return text
    return found if isinstance(found, bool | int | float | str | None | list | dict) else text


class Again(Dialog):
    """The same run with the same parameters, or with others."""

    def __init__(self, flow: str, key: str, parameters: Mapping[str, object]) -> None:
        lines: list[Line] = []
        lines += fact("What changes", f"a new run of {flow}; run {key} stays as it is")
        lines += fact("Undo", "x cancels the new run")
        super().__init__(f"Run {flow} again", lines, confirm="Run it", key="r")
        self._given = written(parameters)
        self.parameters: dict[str, object] | None = dict(parameters)

    def fields(self) -> ComposeResult:
        """The parameters, in one row."""
        with Horizontal(classes="field -short-label"):
            label = Bar(classes="label")
            label.show(line(("Parameters", "dim")))
            yield label
            yield Input(self._given, id="parameters", placeholder="rounds=300", max_length=2000, select_on_focus=False)

    def ready(self) -> bool:
        """The text says parameters."""
        if self.is_mounted and self.query("#parameters"):
            self.parameters = read(self.query_one("#parameters", Input).value)
        return self.parameters is not None

    def hint(self) -> str:
        """How they are written."""
        return "r does it" if self.ready() else "write name=value name=value"


class Edit(Dialog):
    """A note and tags on a run."""

    def __init__(self, key: str, tags: Sequence[str], notes: Sequence[str]) -> None:
        lines: list[Line] = []
        for at, text in enumerate(notes[:3]):
            lines += fact("Notes" if at == 0 else "", text, "dim")
        lines += fact("Undo", "tags can be changed again; a note stays")
        lines += fact("Same as", f'trainmaster runs note {key} "..."', "dim")
        super().__init__(f"Note and tags of {key}", lines, confirm="Keep")
        self._tags = " ".join(tags)
        self.note = ""
        self.tags: dict[str, str] = {}

    def fields(self) -> ComposeResult:
        """A new note, and the tags."""
        for name, value, hint in (("Note", "", "what you saw"), ("Tags", self._tags, "candidate team=risk")):
            with Horizontal(classes="field -short-label"):
                label = Bar(classes="label")
                label.show(line((name, "dim")))
                yield label
                yield Input(value, id=name.lower(), placeholder=hint, max_length=1000, select_on_focus=False)

    def ready(self) -> bool:
        """Something was changed."""
        if not self.is_mounted or not self.query("#tags"):
            return False
        self.note = self.query_one("#note", Input).value.strip()
        words = self.query_one("#tags", Input).value.split()
        self.tags = {name: value for name, _, value in (word.partition("=") for word in words)}
        return bool(self.note) or words != self._tags.split()

    def hint(self) -> str:
        """What wakes it."""
        return "awake: tab to it, then enter" if self.ready() else "wakes when something is typed"


__all__ = ["Again", "Edit", "read", "written"]
