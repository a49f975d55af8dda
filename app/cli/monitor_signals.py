"""`trainmaster monitor show` and `trainmaster monitor calibrate`."""

from typing import Annotated

import typer

from app.cli.render import emit, say, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, chosen_project, opened, reading

QUIET_KINDS = ("drift", "prediction", "slice")


def show_command(
    report: Annotated[str | None, typer.Argument(help="A report's key; default: the newest.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the signals that are within their limits.")] = False,
    metric: Annotated[str | None, typer.Option("--metric", help="Whose timeline; default: the judged one.")] = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    limit: Limit = 24,
    json: Json = False,
) -> None:
    """Show a report's signals with limits and intervals, and estimated beside realised quality over the windows."""
    from app.domain.errors import NotFound
    from app.services.workspaces import open_project
    from app.store.queries import monitoring

    with reading(workspace) as (place, reader):
        name = chosen_project(place, project)
        judged = metric or str(open_project(place, name).file.problem.judged_by)
        newest = monitoring.reports(reader, project=name, limit=1000)
        chosen = next((one for one in newest if report is None or one.key.startswith(report)), None)
        if chosen is None:
            raise NotFound(
                "nothing was monitored yet" if report is None else f"no report begins with {report!r}",
                next_step="trainmaster monitor run",
            )
        signals = monitoring.signals_of(reader, chosen.key)
        timeline = monitoring.quality_timeline(reader, name, judged, limit=limit)
    shown = [one for one in signals if everything or one.breached or one.kind not in QUIET_KINDS]

    def human() -> None:
        say(f"report {chosen.key}: {chosen.rows:,} rows, {chosen.labelled_rows:,} labelled, version {chosen.version}")
        table(
            ["signal", "kind", "now", "low", "high", "limit", "breached", "says"],
            [(s.name, s.kind, s.value, s.low, s.high, s.limit_value, s.breached, s.says) for s in shown],
            empty="no signal",
        )
        hidden = len(signals) - len(shown)
        if hidden:
            say(f"{hidden} more are within their limits: --all shows them")
        table(
            ["from", "to", "version", f"{judged} realised", "estimated", "low", "high", "no change", "labelled"],
            [
                (
                    (point.window_from or "")[:10],
                    (point.window_to or "")[:10],
                    point.version,
                    point.realised,
                    point.estimated,
                    point.low,
                    point.high,
                    point.constant,
                    f"{100 * point.labelled_rows / max(point.rows, 1):.0f} %",
                )
                for point in timeline
            ],
            empty="no window yet",
        )

    emit({"report": chosen, "signals": signals, "metric": judged, "timeline": timeline}, as_json=json, human=human)


def calibrate_command(
    version: Annotated[int | None, typer.Argument(help="A version; default: the one in production.")] = None,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Make a version's reference and limits anew from the rows that it was trained and tested on."""
    from app.services.monitoring.recalibrating import recalibrate
    from app.services.workspaces import actor, open_project

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        found = recalibrate(store, open_project(place, name), version=version, by=actor())
    emit(found, as_json=json, human=lambda: say(found.says))


def serving_command(
    day: Annotated[str | None, typer.Option("--day", help="A day (UTC), as 2013-04-01; default: the newest.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the signals that are within their limits.")] = False,
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    json: Json = False,
) -> None:
    """Compare a day of the prediction log with the training profile, and logged features with those computed now."""
    from app.services.monitoring.serving_window import serving_report
    from app.services.workspaces import open_project

    with opened(workspace) as (place, store):
        name = chosen_project(place, project)
        found = serving_report(store, place, open_project(place, name), day=day)
    shown = [one for one in found.signals if everything or one.breached or one.kind == "serving"]

    def human() -> None:
        say(found.says)
        table(
            ["signal", "now", "limit", "breached", "says"],
            [(s.name, s.value, s.limit, s.breached, s.says) for s in shown],
            empty="no signal past its limit: --all shows the others",
        )

    emit(found, as_json=json, human=human)


__all__ = ["calibrate_command", "serving_command", "show_command"]
