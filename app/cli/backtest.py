"""`trainmaster monitor backtest`: is a policy worth arming?"""

import json as parsing
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, opened
from app.domain.errors import Usage

if TYPE_CHECKING:
    from app.services.backtest import Backtest


def backtest_command(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="The first month that is judged, such as 2013-04.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The last one; default: the last whole month.")] = None,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="Try the policy with a change: growth=0.2, refit=false.")
    ] = None,
    windows: Annotated[
        list[int] | None, typer.Option("--window", help="Try the policy with this many months too; 0: all history.")
    ] = None,
    months: Annotated[bool, typer.Option("--months", help="Show each month and decision of the policy.")] = False,
    json: Json = False,
) -> None:
    """Replay stored history through the project's policy, next to never, every month on two, and on all history.

    At the end of each month a policy sees what was known then, labels that had landed included; the month after judges.
    """
    from app.services.backtest import Asked, backtest
    from app.services.workspaces import open_project

    asked = Asked(begin, end, _changes(change or []), tuple(windows or ()))
    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        found = backtest(store, open_project(place, name), asked, told=(lambda _: None) if json else say)
    emit(found, as_json=json, human=lambda: show(found, months=months))


def _changes(given: list[str]) -> dict[str, object]:
    changes: dict[str, object] = {}
    for one in given:
        key, sign, text = one.partition("=")
        if not sign or not key:
            raise Usage(f"{one!r} is not KEY=VALUE", next_step="trainmaster monitor backtest --set growth=0.2")
        try:
            changes[key] = parsing.loads(text)
        except ValueError:
            changes[key] = text
    return changes


def show(found: "Backtest", *, months: bool) -> None:
    """Print the table of the policies, and each month of the project's own."""
    table(
        ["policy", "alarms", "false", "retrains", "refused", "log-loss", "auc", "value", "of the gain"],
        [
            (
                one.policy,
                one.alarms,
                one.false_alarms,
                one.retrains,
                one.refused,
                f"{one.mean_log_loss:.4f}",
                f"{one.mean_auc:.4f}",
                f"{one.value:,.0f}",
                f"{share['log_loss'] * 100:.0f} / {share['auc'] * 100:.0f} %",
            )
            for one, share in ((one, found.share_of_gain[one.policy]) for one in found.policies)
        ],
        empty="no policy",
    )
    if months:
        print()
        table(
            ["month", "learned until", "log-loss", "auc", "alarms", "at its end"],
            [
                (
                    one.month,
                    one.learned_until,
                    f"{one.log_loss:.4f}",
                    f"{one.auc:.4f}",
                    ", ".join(one.alarms),
                    one.says or "; ".join(f"{name}: {why}" for name, _, why in one.decisions),
                )
                for one in found.own.months
            ],
            empty="no month",
        )
    say(
        f"{found.first_month} to {found.last_month}, means over the months; value: {found.unit}; "
        f"of the gain: of what monthly-all gains over never, in log-loss / AUC; {found.fits} fits, {found.seconds:g} s"
    )


__all__ = ["backtest_command", "show"]
