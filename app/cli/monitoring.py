"""`trainmaster monitor`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.backtest import backtest_command
from app.cli.monitor_signals import calibrate_command, serving_command, show_command
from app.cli.render import emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, group, opened

monitor = group("Compare the newest window with the training profile.")
monitor.command("backtest")(backtest_command)
monitor.command("show")(show_command)
monitor.command("calibrate")(calibrate_command)
monitor.command("serving")(serving_command)


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


@monitor.command()
def dashboard(
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; default: stdout.")] = None,
) -> None:
    """Write the Grafana dashboard of what the gateway's /metrics says, to be imported into Grafana."""
    import json

    from app.services.monitoring.dashboard import dashboard as drawn

    text = json.dumps(drawn(), indent=2) + "\n"
    if out is None:
        print(text, end="")
        return
    out.write_text(text, encoding="utf-8")
    say(f"wrote {out}: import it into Grafana, with a Prometheus that scrapes the gateway's /metrics")


@monitor.command()
def limit(
    signal: Annotated[str, typer.Argument(help="The signal, such as auc or psi.temp.")],
    value: Annotated[float, typer.Argument(help="The limit.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; needed to set it.")] = "",
    only_try: Annotated[bool, typer.Option("--try", help="Only say what it would have done.")] = False,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Set the limit of a signal in project.toml, and say how many alerts it would have given so far."""
    from app.domain.errors import Usage
    from app.services.monitoring.thresholds import set_limit, try_limit
    from app.services.workspaces import actor

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        found = try_limit(store.reader, place, name, signal, value)
        says = f"{signal} {value:g} would have given {found.says}"
        if not only_try:
            if not reason.strip():
                raise Usage("a limit needs a reason", next_step=f"trainmaster monitor limit {signal} {value:g} --try")
            says = f"{set_limit(store, place, name, signal, value, by=actor(), reason=reason).says}; {says}"
    emit(
        {
            "signal": signal, "limit": value, "set": not only_try, "windows": found.windows, "past": found.past,
            "alarms": found.alarms, "says": says,
        },
        as_json=json,
        human=lambda: say(says),
    )  # fmt: skip
