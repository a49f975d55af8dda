"""Roles: one matrix, every command and every action in it, and a refusal that names who may."""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from app.cli.main import COMMANDS as MODULES
from app.domain.actions import ACTIONS
from app.domain.errors import Refused
from app.domain.roles import COMMANDS, MATRIX, Permission, Role, may, require

READS = {
    "demo", "init", "status", "project show", "lineage", "keys", "people", "data ls", "data snapshots", "data contract",
    "data profile", "data compare", "data quarantine ls", "data quarantine show", "data tickets ls", "features diff",
    "features explain", "features get", "features search", "features show", "features ls", "features training-set ls",
    "features training-set show", "train estimate", "experiments ls", "experiments show", "runs ls", "runs show",
    "runs logs", "runs compare", "runs export", "models explain", "models card", "models gates", "models diff",
    "models aliases", "models served-at", "models history", "models ls", "models show", "ci ls", "ci show",
    "alerts ls", "alerts show", "alerts explain", "monitor dashboard", "audit ls", "audit verify", "store fsck",
}  # fmt: skip
"""Commands that change nothing that others share, or that make a workspace of one's own."""


def leaves(command: Any, words: str) -> Iterator[str]:
    """Every command below a command, by its words."""
    below = getattr(command, "commands", None)
    if below is None:
        yield words
        return
    for name, each in below.items():
        yield from leaves(each, f"{words} {name}")


def every_command() -> set[str]:
    """The words of every command."""
    found: set[str] = set()
    for name, (where, _) in MODULES.items():
        module, attribute = where.split(":")
        group = getattr(importlib.import_module(f"app.cli.{module}"), attribute)
        found |= set(leaves(typer.main.get_command(group), name))
    return found


def test_every_command_that_changes_something_has_a_permission() -> None:
    known = every_command()

    acts = {words for words in known if words not in READS and words.partition(" ")[0] in TOLD}

    assert acts <= set(COMMANDS)
    assert not READS & set(COMMANDS)


TOLD = {"models", "up", "down", "store", "ci", "data", "features", "train", "runs", "alerts"}
"""Groups whose commands are all placed."""


def test_every_permission_is_somebodys_and_the_ml_engineer_has_them_all() -> None:
    assert set(MATRIX) == set(Permission)
    assert all(may([Role.ML_ENGINEER], one) for one in Permission)
    assert all(may([role], Permission.VIEW) for role in Role)


def test_a_key_needs_what_its_command_needs() -> None:
    pairs = {
        "model.promote": "models promote", "undo.last": "models undo", "model.approve": "models approve",
        "model.test": "models test", "model.retire": "models stage", "ci.run": "ci run", "service.up": "up",
        "service.down": "down", "contract.agree": "data agree", "quarantine.release": "data quarantine release",
        "ticket.open": "data tickets open", "data.import": "data import",
    }  # fmt: skip
    needs = {action.id: action.needs for action in ACTIONS}

    assert {name: needs[name] for name in pairs} == {name: COMMANDS[words] for name, words in pairs.items()}


def test_a_refusal_names_the_roles_that_may_and_the_next_command() -> None:
    with pytest.raises(Refused, match="ana has R3: trainmaster models promote needs R6 .DevOps engineer., R7") as told:
        require("ana", [Role.DATA_SCIENTIST], Permission.PROMOTE, "trainmaster models promote")

    assert "trainmaster people" in str(told.value.next_step)
