"""Telling what waits to be told: a command, a desktop notice, a webhook; each with a time limit, a retry, a record."""

import json
import os
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from sqlalchemy import or_, select
from sqlmodel import Session, col

from app.domain.project import Hook
from app.domain.states import NoticeState
from app.domain.text import visible
from app.domain.workspace import Workspace
from app.services.monitoring.rules import allowed_hosts, rules_of
from app.services.workspaces import now
from app.store import audit
from app.store.engine import Store
from app.store.queries.alerts import AlertRow, alert_of
from app.store.tables import Notice, Project

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=15)
CLAIM = timedelta(minutes=2)
"""For how long a notice belongs to the process that took it; after that its process is taken for dead."""
MOST_BYTES = 64_000


class Undelivered(Exception):
    """A hook did not take it; `final` when another try cannot end otherwise."""

    def __init__(self, says: str, *, final: bool = False) -> None:
        super().__init__(says)
        self.final = final


@dataclass(frozen=True)
class Message:
    """What a hook is told: the event, one line, and the alerts."""

    event: str
    project: str
    group: str
    title: str
    alerts: tuple[Mapping[str, object], ...]

    def as_json(self) -> bytes:
        """The body of a webhook and the standard input of a command."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False).encode()[:MOST_BYTES]


def send_waiting(store: Store, workspace: Workspace, *, most: int = 20) -> int:
    """Tell what is due; gives how many were told. What fails waits longer each time, and is given up after its tries.

    A notice is claimed in a transaction before it is told, so that two watchers do not tell it twice; a process that
    dies in between leaves a notice that is told again after two minutes: told twice is possible then, lost is not.
    """
    told = 0
    for _ in range(most):
        claimed = _claim(store)
        if claimed is None:
            return told
        notice, project = claimed
        hook = rules_of(workspace, project).hooks.get(notice.hook)
        try:
            if hook is None:
                raise Undelivered(f"there is no hook {notice.hook!r} any more", final=True)
            deliver(hook, _message(store, notice, project), allowed=allowed_hosts(workspace))
        except Undelivered as error:
            _failed(store, notice, str(error), hook.tries if hook and not error.final else 0)
        else:
            _sent(store, notice)
            told += 1
    return told


def deliver(hook: Hook, message: Message, *, allowed: frozenset[str]) -> None:
    """Tell one hook, within its time limit; raises Undelivered."""
    match hook.kind:
        case "command":
            _run(hook, list(hook.command), message)
        case "desktop":
            _run(hook, desktop_command(message), message)
        case "webhook":
            _post(hook, message, allowed)


def desktop_command(message: Message) -> list[str]:
    """The program that shows a notice on this machine's desktop; raises Undelivered where there is none."""
    body = "\n".join(visible(alert["says"], longest=200) for alert in message.alerts[:5])
    title = visible(message.title, longest=100)
    if program := shutil.which("notify-send"):
        return [program, "--app-name=Trainmaster", "--", title, body]
    if program := shutil.which("osascript"):
        script = "on run {a, b}\ndisplay notification b with title a\nend run"
        return [program, "-e", script, title, body]
    raise Undelivered("this machine has neither notify-send nor osascript", final=True)


def check_address(url: str, allowed: frozenset[str]) -> None:
    """Raise Undelivered for an address whose host is not allowed by the workspace.

    >>> check_address("http://127.0.0.1:9/x", frozenset({"127.0.0.1:9"}))
    """
    parts = urllib.parse.urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not ({host, parts.netloc.lower()} & allowed):
        raise Undelivered(
            f"{visible(host)} is not in [notifications] allow of trainmaster.toml; nothing was asked", final=True
        )


def _run(hook: Hook, command: list[str], message: Message) -> None:
    environment = {**os.environ, "TRAINMASTER_EVENT": message.event, "TRAINMASTER_TITLE": message.title}
    try:
        started = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise Undelivered(f"{command[0]}: {error.strerror or error}") from None
    try:
        _, complaint = started.communicate(message.as_json(), timeout=hook.timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, 9)
        started.communicate()
        raise Undelivered(f"{command[0]} took more than {hook.timeout_s:g} s") from None
    if started.returncode != 0:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise Undelivered(f"{command[0]} ended with {started.returncode}: {visible(last[0], longest=200)}")


def _post(hook: Hook, message: Message, allowed: frozenset[str]) -> None:
    """One POST, no redirects, no proxy, nothing of the answer but its status; the whole of it within the time limit."""
    check_address(hook.url, allowed)
    outcome: list[str | int] = []

    def ask() -> None:
        import httpx

        try:
            with (
                httpx.Client(timeout=hook.timeout_s, follow_redirects=False, trust_env=False) as client,
                client.stream(
                    "POST",
                    hook.url,
                    content=message.as_json(),
                    headers={"content-type": "application/json", "user-agent": "trainmaster"},
                ) as response,
            ):
                outcome.append(response.status_code)
        except httpx.HTTPError as error:
            outcome.append(f"{type(error).__name__}: {error}")

    asking = threading.Thread(target=ask, name="webhook", daemon=True)
    asking.start()  # httpx limits each read, not the whole: a host that drips would hold us for ever
    asking.join(hook.timeout_s + 0.5)
    if not outcome:
        raise Undelivered(f"no answer within {hook.timeout_s:g} s")
    if not isinstance(outcome[0], int):
        raise Undelivered(visible(outcome[0], longest=300))
    if not 200 <= outcome[0] < 300:
        raise Undelivered(f"it answered {outcome[0]}")


def _claim(store: Store) -> tuple[Notice, str | None] | None:
    moment = now()
    waiting = (
        select(Notice)
        .where(col(Notice.state) == NoticeState.WAITING)
        .where(or_(col(Notice.next_at) <= moment, col(Notice.created_at) > moment))  # later: the clock was set back
        .order_by(col(Notice.id))
        .limit(1)
    )
    with store.read() as session:
        if session.execute(waiting).first() is None:
            return None
    with store.write() as session:
        notice = session.execute(waiting).scalars().first()
        if notice is None:
            return None
        notice.tries += 1
        notice.next_at = moment + CLAIM
        notice.created_at = min(notice.created_at, moment)
        session.add(notice)
        session.flush()
        project = session.get(Project, notice.project_id) if notice.project_id is not None else None
        return notice, project.name if project is not None else None


def _message(store: Store, notice: Notice, project: str | None) -> Message:
    alerts = [alert_of(store.reader, key) for key in json.loads(notice.alerts)]
    word = "alert" if len(alerts) == 1 else "alerts"
    where = f" in {project}" if project else ""
    title = f"{len(alerts)} {word} {notice.event}{where}: {', '.join(alert.signal for alert in alerts[:3])}"
    return Message(notice.event, project or "", notice.grouped, title, tuple(_plain(alert) for alert in alerts))


def _plain(alert: AlertRow) -> Mapping[str, object]:
    names = (
        "key",
        "signal",
        "severity",
        "state",
        "says",
        "feature",
        "slice",
        "source",
        "model",
        "version",
        "opened_at",
    )
    return {name: getattr(alert, name) for name in names}


def _sent(store: Store, notice: Notice) -> None:
    with store.write() as session:
        row, told = _again(session, notice), set(json.loads(notice.alerts))
        row.sent_at, row.last_error = now(), ""
        later = [key for key in json.loads(row.alerts) if key not in told]
        if later:  # they were added while the hook was being told
            row.alerts, row.tries, row.next_at = json.dumps(later), 0, now()
        else:
            row.state = NoticeState.SENT
        session.add(row)


def _failed(store: Store, notice: Notice, says: str, most: int) -> None:
    moment = now()
    with store.write() as session:
        row = _again(session, notice)
        row.last_error = says[:500]
        row.next_at = moment + _pause(row.tries)
        if row.tries >= most:
            row.state = NoticeState.GIVEN_UP
            audit.record(
                session,
                actor="trainmaster",
                action="notice.given_up",
                subject=f"notice:{row.key}",
                now=moment,
                reason=says[:500],
                details={"hook": row.hook, "alerts": row.alerts[:500]},
            )
        session.add(row)


def _pause(tries: int) -> timedelta:
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(tries - 1, 20), LONGEST_PAUSE)
    return pause


def _again(session: Session, notice: Notice) -> Notice:
    row = session.get(Notice, notice.id)
    assert row is not None
    return row


__all__ = ["Message", "Undelivered", "check_address", "deliver", "desktop_command", "send_waiting"]
