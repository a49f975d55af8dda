"""Setting the limit of a signal by hand: written into project.toml, everything else in the file left as it stands."""

import math
import os
import re
from dataclasses import dataclass

from app.domain.errors import BadInput, Refused, Usage
from app.domain.project import parse_project
from app.domain.thresholds import Tried, tried
from app.domain.workspace import Workspace
from app.services.workspaces import now, open_project
from app.store import audit
from app.store.engine import Store
from app.store.queries.monitoring import signal_history
from app.store.reader import Reader

BARE = re.compile(r"[A-Za-z0-9_-]+")
MOST_WINDOWS = 400


@dataclass(frozen=True)
class LimitSet:
    """A limit as it stands in project.toml now, and what stood there before."""

    signal: str
    key: str
    before: float | None
    after: float
    says: str


def try_limit(reader: Reader, workspace: Workspace, project: str, signal: str, limit: float) -> Tried:
    """How many alerts a limit would have given over the stored reports; raises Usage for no number or no history."""
    if not math.isfinite(limit):
        raise Usage(f"{limit} is not a limit", next_step="give a number")
    points = signal_history(reader, project, signal, limit=MOST_WINDOWS)
    if not points:
        raise Usage(f"no report of {project} has a signal {signal!r}", next_step="trainmaster monitor run")
    rules = open_project(workspace, project).file.alerts
    return tried(
        [point.value for point in points],
        limit,
        higher_is_better=_higher(reader, project, signal),
        open_after=rules.open_after_of(signal),
        resolve_after=rules.resolve_after_of(signal),
    )


def set_limit(
    store: Store, workspace: Workspace, project: str, signal: str, limit: float, *, by: str, reason: str
) -> LimitSet:
    """Write a limit into `[monitoring]` of project.toml; the next report holds the signal to it.

    The file is checked before it replaces the old one. Errors: Usage for no number, BadInput when project.toml knows no
    limit of such a signal, Refused when somebody wrote the file meanwhile.
    """
    if not math.isfinite(limit):
        raise Usage(f"{limit} is not a limit", next_step="give a number")
    opened = open_project(workspace, project)
    rules = opened.file.monitoring
    before = dict(rules.limits).get(signal)
    key = f"limits.{signal}"
    try:
        text = with_limit(opened.text, signal, limit)
        parse_project(text, f"projects/{project}/project.toml")
    except BadInput:
        name = {True: "score_psi_limit", False: "psi_limit"}[signal == "psi.score"]
        if not signal.startswith("psi."):
            raise
        key, before = name, getattr(rules, name)
        text = with_value(opened.text, "monitoring", name, _number(limit))
        parse_project(text, f"projects/{project}/project.toml")
    path = workspace.project_file(project)
    if path.read_text(encoding="utf-8") != opened.text:
        raise Refused(f"{path.name} was changed meanwhile", next_step="look at it, then try again")
    half = path.with_suffix(".toml.half")
    half.write_text(text, encoding="utf-8")
    os.replace(half, path)
    with store.write(durable=True) as session:
        audit.record(
            session,
            actor=by,
            action="limit.set",
            subject=f"project:{project}",
            now=now(),
            reason=reason,
            details={"signal": signal, "key": key, "before": before, "after": limit},
        )
    says = f"[monitoring] {key} = {limit:g}" + (f", was {before:g}" if before is not None else "")
    return LimitSet(signal, key, before, limit, says)


def with_limit(text: str, signal: str, limit: float) -> str:
    """The text of a project.toml with a limit in `[monitoring] limits`, inline or a table of its own.

    >>> print(with_limit("[monitoring]\\nlimits = { auc = 0.7 } # why\\n", "auc", 0.72))
    [monitoring]
    limits = { auc = 0.72 } # why
    <BLANKLINE>
    >>> print(with_limit("[monitoring]\\nwindow = \\"month\\"\\n", "psi.temp", 0.3))
    [monitoring]
    limits = { "psi.temp" = 0.3 }
    window = "month"
    <BLANKLINE>
    """
    name = signal if BARE.fullmatch(signal) else f'"{signal}"'
    entry = f"{name} = {_number(limit)}"
    if re.search(r"^\[monitoring\.limits\]", text, re.M):
        return with_value(text, "monitoring.limits", name, _number(limit))
    inline = re.compile(r"(^\[monitoring\]\s*$(?:(?!^\[).)*?^limits\s*=\s*\{)([^}]*)(\})", re.M | re.S)
    found = inline.search(text)
    if found is None:
        return with_value(text, "monitoring", "limits", f"{{ {entry} }}")
    inside = found[2]
    known = re.compile(rf"(^|[,\s]){re.escape(name)}\s*=\s*[^,]*?(?=\s*(,|$))")
    if known.search(inside):
        inside = known.sub(lambda match: f"{match[1]}{entry}", inside, count=1)
    else:
        inside = f"{inside.rstrip().rstrip(',')}, {entry} " if inside.strip() else f" {entry} "
    return text[: found.start(2)] + inside + text[found.end(2) :]


def with_value(text: str, section: str, key: str, value: str) -> str:
    """The text of a TOML file with `key = value` in a section, in the place of the old value or at its beginning.

    >>> print(with_value("[monitoring]\\npsi_limit = 0.2  # ours\\n", "monitoring", "psi_limit", "0.3"))
    [monitoring]
    psi_limit = 0.3  # ours
    <BLANKLINE>
    """
    lines = text.splitlines(keepends=True)
    begin = next((at for at, line in enumerate(lines) if line.strip() == f"[{section}]"), None)
    if begin is None:
        gap = "" if text.endswith("\n\n") or not text else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{section}]\n{key} = {value}\n"
    for at in range(begin + 1, len(lines)):
        if lines[at].lstrip().startswith("["):
            break
        found = re.match(rf"(\s*{re.escape(key)}\s*=\s*)([^#\n]*?)(\s*(#.*)?)$", lines[at].rstrip("\n"))
        if found:
            lines[at] = f"{found[1]}{value}{found[3]}\n"
            return "".join(lines)
    lines.insert(begin + 1, f"{key} = {value}\n")
    return "".join(lines)


def _number(value: float) -> str:
    text = f"{value:.6g}"
    return text if any(sign in text for sign in ".en") else f"{text}.0"


def _higher(reader: Reader, project: str, signal: str) -> bool:
    found = reader.value(
        "SELECT s.direction FROM signal s JOIN monitor_report o ON o.id = s.report_id WHERE s.name = :name "
        "AND o.project_id = (SELECT id FROM project WHERE name = :project) ORDER BY o.id DESC LIMIT 1",
        {"name": signal, "project": project},
    )
    return str(found) == "higher"


__all__ = ["LimitSet", "set_limit", "try_limit", "with_limit", "with_value"]
