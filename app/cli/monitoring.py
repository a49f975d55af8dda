"""`trainmaster monitor`."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.backtest import backtest_command
from app.cli.monitor_signals import calibrate_command, show_command
from app.cli.render import emit, say, table
from app.cli.session import Json, ProjectName, WorkspaceDir, chosen_project, group, opened

monitor = group("Compare the newest window with the training profile.")
monitor.command("backtest")(backtest_command)
monitor.command("show")(show_command)
monitor.command("calibrate")(calibrate_command)


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
