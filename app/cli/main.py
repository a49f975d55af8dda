"""The command line: one noun a module, imported when it is asked for."""

import importlib
import json
import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from app import __version__
from app.domain.errors import TrainmasterError
from app.domain.roles import COMMANDS as NEEDS
from app.domain.text import visible
from app.domain.workspace import Workspace

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("start:demo", "Build the sample workspace from real flights and open the control room on it."),
    "init": ("start:init", "Look at a CSV or Parquet file and write a project that trains as it stands."),
    "up": ("infrastructure:up", "Start the services, or join those that run."),
    "down": ("infrastructure:down", "Stop the services."),
    "status": ("infrastructure:status", "Show each service: state, process, since when."),
    "project": ("charter:commands", "Goal, KPI, owner and version of a project."),
    "data": ("data:commands", "Sources, snapshots and quarantine."),
    "features": ("features:commands", "Feature views and their versions."),
    "train": ("experiments:commands", "Train a model and register it; search for the best learner."),
    "experiments": ("experiments:listing", "Searches, their trials and the best one."),
    "runs": ("runs:commands", "What ran, what runs, and why it failed."),
    "models": ("registry:commands", "Model versions, promotion and rollback."),
    "ci": ("ci:commands", "Check a commit and deliver it as a bundle that automated runs execute."),
    "predict": ("predictions:commands", "Ask the gateway by record or entity; predict in batch."),
    "serve": ("serving:commands", "Candidates beside production; a version for a container, Kubernetes or KServe."),
    "monitor": ("monitoring:monitor", "Compare the newest window with the training profile."),
    "alerts": ("alerts:commands", "Alerts: list, acknowledge, mute, resolve, assign, explain."),
    "feedback": ("feedback:commands", "What alerts ask of whom, and the decisions about retrains."),
    "replay": ("replay:replay", "Let the next month of the sample year arrive."),
    "lineage": ("lineage:command", "What a thing came from, and what came from it."),
    "audit": ("audit:commands", "Who did what: list, and verify the chain."),
    "people": ("people:command", "Who may do what here."),
    "keys": ("keys:command", "The keys of the control room."),
    "store": ("store:commands", "Check, back up and restore the store."),
}
"""Name -> (module:attribute under app.cli, one line of help)."""


class LazyGroup(TyperGroup):
    """A group that knows the names and help lines of its commands and imports a command's module when it runs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # the names, for "did you mean"

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """All names, in the order of the life of a model."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def,override]
        """The command with a name, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        found = typer.main.get_command(getattr(importlib.import_module(f"app.cli.{module}"), attribute))
        found.name = cmd_name
        _guard(found, cmd_name)
        return found

    def format_commands(self, ctx, formatter) -> None:  # type: ignore[no-untyped-def]
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


def _guard(command: Any, words: str) -> None:
    """Let a command run only for people whose role may, by the one table of `app.domain.roles`."""
    for name, each in getattr(command, "commands", {}).items():
        _guard(each, f"{words} {name}")
    if words not in NEEDS or command.callback is None:
        return
    act = command.callback

    def guarded(**given: Any) -> Any:
        from app.cli.session import current_workspace
        from app.services.people import require_command

        require_command(current_workspace(given.get("workspace")), words)
        return act(**given)

    command.callback = guarded


root = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@root.callback(invoke_without_command=True)
def trainmaster(
    context: typer.Context,
    workspace: str = typer.Option("", "--workspace", "-w", help="The workspace; default: the nearest one upward."),
    as_person: str = typer.Option("", "--as", help="Who acts; default: TRAINMASTER_ACTOR, or the user of the system."),
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    """The whole life of a model in one terminal; without a command the control room opens."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if as_person:
        os.environ["TRAINMASTER_ACTOR"] = as_person
    if workspace:
        os.environ["TRAINMASTER_WORKSPACE"] = workspace
    if context.invoked_subcommand is None:
        from app.cli.session import OpenControlRoom, current_workspace

        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            typer.echo(context.get_help(), err=True)
            raise typer.Exit(2)
        raise OpenControlRoom(current_workspace(None))


def run(arguments: list[str] | None = None) -> Workspace | None:
    """Run one command; every error of ours ends as one message with a next step, and its exit code.

    Gives the workspace on which the control room is to open, or None; ends the process when the command ends.
    """
    from app.cli.session import OpenControlRoom

    as_json = "--json" in (sys.argv if arguments is None else arguments)
    try:
        root(args=arguments, prog_name="trainmaster")
    except OpenControlRoom as wish:
        return wish.workspace
    except TrainmasterError as error:
        _tell(error, as_json=as_json)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("TRAINMASTER_DEBUG"):
            traceback.print_exc()
        unforeseen = TrainmasterError(
            f"{visible(type(error).__name__)}: {visible(error)}",
            next_step="run it again with TRAINMASTER_DEBUG=1 to see where, and report it",
        )
        _tell(unforeseen, as_json=as_json)
        sys.exit(1)
    return None


def _tell(error: TrainmasterError, *, as_json: bool) -> None:
    if as_json:
        document = {"error": error.message, "where": error.where, "next_step": error.next_step}
        print(json.dumps(document), file=sys.stderr)
        return
    where = f"{visible(error.where)}: " if error.where else ""
    print(f"error: {where}{visible(error.message, longest=2000)}", file=sys.stderr)
    if error.next_step:
        print(f"  next: {visible(error.next_step)}", file=sys.stderr)
