"""`trainmaster monitor` and `trainmaster alerts`."""

from datetime import timedelta
from typing import Annotated

import typer

from app.cli.backtest import backtest_command
from app.cli.render import emit, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, group, opened, reading

monitor = group("Compare the newest window with the training profile.")
alerts = group("Alerts: list and acknowledge.")
monitor.command("backtest")(backtest_command)


@monitor.command("run")
def run_monitor(workspace: WorkspaceDir = None, project: ProjectName = None, json: Json = False) -> None:
    """Compare the newest window with the training profile; what is past its limit opens an alert."""
    from app.cli.waiting import run_flow
    from app.store.queries import monitoring

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        row = run_flow(place, store, name, "monitor", quiet=json)
        report = monitoring.latest_report(store.reader, name)
        signals = monitoring.signals_of(store.reader, report.key) if report else []
    emit(
        {"run": row.key, "report": report, "signals": signals},
        as_json=json,
        human=lambda: table(
            ["signal", "now", "limit", "breached"],
            [(one.name, one.value, one.limit_value, one.breached) for one in signals],
            empty="nothing to monitor yet",
        ),
    )


@alerts.command("ls")
def list_alerts(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List alerts with the decision that each led to."""
    from app.store.queries import monitoring

    with reading(workspace) as (_, reader):
        rows = monitoring.alerts(reader, project=project, unresolved_only=not everything, limit=limit)
        decisions = {one.alert: one for one in reversed(monitoring.decisions(reader, project=project, limit=1000))}
    emit(
        [{"alert": row.key, **_fields(row), "decision": decisions.get(row.key)} for row in rows],
        as_json=json,
        human=lambda: table(
            ["alert", "severity", "state", "signal", "seen", "since", "says", "decision"],
            [
                (
                    row.key,
                    row.severity,
                    row.state,
                    row.signal,
                    row.seen,
                    short_time(row.opened_at),
                    row.says,
                    decisions[row.key].reason if row.key in decisions else None,
                )
                for row in rows
            ],  # fmt: skip
            empty="no alert",
        ),
    )


@alerts.command()
def ack(
    alert: Annotated[str, typer.Argument(help="The alert's key, or the beginning of it.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it can wait.")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 365, help="Until so many hours from now.")] = 24,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Acknowledge an alert, with a reason, until when."""
    from app.services import monitoring
    from app.services.workspaces import actor, now

    with opened(workspace) as (_, store):
        until = now() + timedelta(hours=hours)
        key = monitoring.acknowledge(store, alert, by=actor(), reason=reason, until=until)
    emit(
        {"alert": key, "state": "acknowledged", "until": until},
        as_json=json,
        human=lambda: say(f"alert {key} acknowledged"),
    )


def _fields(row: object) -> dict[str, object]:
    from app.cli.render import plain

    shown = plain(row)
    assert isinstance(shown, dict)
    return {key: value for key, value in shown.items() if key != "key"}
