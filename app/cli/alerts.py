"""`trainmaster alerts`: list, show, acknowledge, mute, resolve, assign, explain."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.render import emit, fields, plain, say, short_time, table
from app.cli.session import Json, Limit, ProjectName, WorkspaceDir, group, opened, reading

if TYPE_CHECKING:
    from app.services.monitoring.alerts import AlertChanged
    from app.store.engine import Store
    from app.store.queries.alerts import AlertRow

commands = group("Alerts: list, acknowledge, mute, resolve, assign, explain.")
Key = Annotated[str, typer.Argument(help="The alert's key, or the beginning of it.")]
Hours = Annotated[float, typer.Option(min=0.01, max=24 * 365, help="Until so many hours from now.")]


@commands.command("ls")
def list_alerts(
    workspace: WorkspaceDir = None,
    project: ProjectName = None,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List alerts with the decision that each led to; those of machine and services have no project."""
    from app.store.queries import monitoring

    with reading(workspace) as (_, reader):
        rows = monitoring.alerts(reader, project=project, unresolved_only=not everything, limit=limit)
        decisions = {one.alert: one for one in reversed(monitoring.decisions(reader, project=project, limit=1000))}
    emit(
        [{**_fields(row), "decision": decisions.get(row.key)} for row in rows],
        as_json=json,
        human=lambda: table(
            ["alert", "severity", "state", "signal", "owner", "seen", "since", "says", "decision"],
            [
                (
                    row.key,
                    row.severity,
                    f"{row.state}, muted" if row.muted_until else row.state,
                    row.signal,
                    row.owner,
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


@commands.command()
def show(alert: Key, workspace: WorkspaceDir = None, json: Json = False) -> None:
    """Show one alert: what it is about (slice, rows, feature, version, window), its decisions, and who was told."""
    from app.store.queries import monitoring
    from app.store.queries.alerts import alert_of, notices_of

    with reading(workspace) as (_, reader):
        row = alert_of(reader, alert)
        decided = [one for one in monitoring.decisions(reader, limit=1000) if one.alert == row.key]
        told = notices_of(reader, row.key)
    found = _fields(row)

    def human() -> None:
        fields({name: value for name, value in found.items() if value not in (None, "", 0)})
        fields({f"decision {one.key}": one.reason for one in decided})
        fields({f"told {one.hook}": f"{one.state}, {one.tries} tries {one.last_error}" for one in told})

    emit({**found, "decisions": decided, "notices": told}, as_json=json, human=human)


@commands.command()
def ack(
    alert: Key,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it can wait.")],
    hours: Hours = 24,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Acknowledge an alert, with a reason, until when: it starts no retrain and stays until its signal is back."""
    from app.services import monitoring

    with _acting(workspace) as (store, by):
        from app.services.workspaces import now

        until = now() + timedelta(hours=hours)
        key = monitoring.acknowledge(store, alert, by=by, reason=reason, until=until)
    emit(
        {"alert": key, "state": "acknowledged", "until": until},
        as_json=json,
        human=lambda: say(f"alert {key} acknowledged"),
    )


@commands.command()
def mute(
    alert: Key,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why nobody needs to be told.")],
    hours: Hours = 24,
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Tell nobody of an alert until when; it stays open."""
    from app.services import monitoring

    with _acting(workspace) as (store, by):
        from app.services.workspaces import now

        done = monitoring.mute(store, alert, by=by, reason=reason, until=now() + timedelta(hours=hours))
    _tell(done, json)


@commands.command()
def resolve(
    alert: Key,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why it is over.")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """End an alert by hand; if its signal is still past its limit at the next look, a new one opens."""
    from app.services import monitoring

    with _acting(workspace) as (store, by):
        done = monitoring.resolve(store, alert, by=by, reason=reason)
    _tell(done, json)


@commands.command()
def assign(
    alert: Key,
    owner: Annotated[str, typer.Argument(help="Who takes it; an empty text takes it from everybody.")],
    workspace: WorkspaceDir = None,
    json: Json = False,
) -> None:
    """Give an alert to somebody."""
    from app.services import monitoring

    with _acting(workspace) as (store, by):
        done = monitoring.assign(store, alert, owner=owner, by=by)
    _tell(done, json)


@commands.command()
def explain(alert: Key, workspace: WorkspaceDir = None, limit: Limit = 10, json: Json = False) -> None:
    """Rank what may have caused an alert: features, sources, rules, commits, deployments, libraries, the machine."""
    from app.services.monitoring.causes import explain as look_into

    with reading(workspace) as (place, reader):
        found = look_into(reader, place, alert, most=limit)
    emit(
        {
            "alert": found.alert.key, "signal": found.alert.signal, "last_good": found.good, "first_bad": found.bad,
            "suspects": found.suspects, "took_s": round(found.took_s, 3),
        },
        as_json=json,
        human=lambda: table(
            ["score", "kind", "suspect", "what", "evidence", "next step"],
            [
                (round(one.score, 2), one.kind, one.name, one.what, "; ".join(one.evidence) or None, one.next_step)
                for one in found.suspects
            ],
            empty="nothing on record changed since the last good window",
        ),
    )  # fmt: skip


@contextmanager
def _acting(workspace: WorkspaceDir) -> "Iterator[tuple[Store, str]]":
    from app.services.workspaces import actor

    with opened(workspace) as (_, store):
        yield store, actor()


def _tell(done: "AlertChanged", as_json: bool) -> None:
    emit({"alert": done.alert, "state": done.state, "says": done.says}, as_json=as_json, human=lambda: say(done.says))


def _fields(row: "AlertRow") -> dict[str, object]:
    shown = plain(row)
    assert isinstance(shown, dict)
    return {"alert": row.key, **{key: value for key, value in shown.items() if key != "key"}}
