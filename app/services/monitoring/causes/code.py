"""Suspects among what people and machines changed: rules, commits, deployments, libraries, drivers."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.text import visible
from app.domain.workspace import Workspace
from app.services.monitoring.causes.asked import OF_DATA, UNTIED, asks_for
from app.services.monitoring.causes.case import Case, views_of
from app.services.monitoring.causes.moved import Moved
from app.services.monitoring.causes.suspects import Suspect
from app.store.reader import Reader

GIT_S = 2.0


def rule_suspects(reader: Reader, case: Case, moved: Sequence[Moved]) -> tuple[list[Suspect], dict[str, float]]:
    """Views whose function changed between the two looks, and by feature how much is suspected of its rule."""
    if case.good is None:
        return [], {}
    before = views_of(reader, case.project, case.good.features).get("views", {})
    after = views_of(reader, case.project, case.bad.features).get("views", {})
    psi = {one.feature: one for one in moved}
    found: list[Suspect] = []
    touched: dict[str, float] = {}
    for view, built in after.items():
        old = before.get(view)
        if old is not None and _rules(old) == _rules(built):
            continue
        features = [str(column["name"]) for column in built.get("columns", [])]
        hit = sorted((psi[name] for name in features if name in psi), key=lambda one: -one.psi)
        asked, own = asks_for(case.alert), case.alert.feature
        size = max((one.strength(asked) for one in hit if own not in features or one.feature == own), default=0.0)
        tied = 1.0 if case.alert.feature is None or case.alert.feature in features or not features else UNTIED
        says = "its function is new" if old is None else f"its code changed: {_short(old)} to {_short(built)}"
        evidence = tuple(f"{one.feature}: psi {one.psi:.3f}, missing {one.missing:+.0%}" for one in hit[:3])
        command = f"trainmaster features diff v{case.good.features} v{case.bad.features} --project {case.project}"
        score = tied * (0.45 + 0.53 * size)
        found.append(Suspect("rule", f"view {view}", says, score, _built_at(reader, case), evidence, command))
        touched |= {one.feature: score for one in hit}
    return found, touched


def commit_suspects(reader: Reader, workspace: Workspace, case: Case, rules: Sequence[Suspect]) -> list[Suspect]:
    """Commits that runs began to use between the two looks, with author and subject; a changed rule names them."""
    rows = reader.rows(
        'SELECT r."commit" AS sha, min(r.started_at) AS at FROM run r WHERE r."commit" IS NOT NULL AND r.project_id = '
        '(SELECT id FROM project WHERE name = :project) AND r.started_at <= :until GROUP BY r."commit" ORDER BY 2',
        {"project": case.project, "until": case.bad.at},
    )
    found = []
    earlier = [row["sha"] for row in rows if row["at"] <= case.since]
    for row in [row for row in rows if row["at"] > case.since][-5:]:
        told = _told(reader, workspace, row["sha"], earlier[-1] if earlier else None, case.project)
        weight = 0.9 * max((one.score for one in rules), default=0.0) or 0.3
        what = f"{told['author']}: {told['subject']}" if told["author"] else "first used after the last good window"
        evidence = tuple(told["files"][:4])
        command = f"git show {row['sha'][:12]}"
        found.append(Suspect("commit", row["sha"][:12], what, weight, row["at"], evidence, command))
    return found


def deployment_suspects(reader: Reader, case: Case) -> list[Suspect]:
    """Another version answered in the bad window than in the good one, or one was put in front of requests between."""
    found = []
    if case.good is not None and case.good.version != case.bad.version and case.good.version is not None:
        says = f"version {case.bad.version} answers, in the last good window version {case.good.version} did"
        command = f"trainmaster models ls --project {case.project}"
        weight = 0.72 if asks_for(case.alert) not in OF_DATA else 0.3
        found.append(Suspect("deployment", case.bad.version_key, says, weight, case.bad.at, (), command))
    rows = reader.rows(
        "SELECT d.key, d.state, d.verdict, d.changed_at AS at, m.name AS model, v.version FROM deployment d "
        "JOIN model_version v ON v.id = d.version_id JOIN model m ON m.id = v.model_id WHERE d.project_id = "
        "(SELECT id FROM project WHERE name = :project) AND d.changed_at > :since AND d.changed_at <= :until "
        "AND d.state IN ('active', 'replaced', 'failed') ORDER BY d.id DESC LIMIT 5",
        {"project": case.project, "since": case.since, "until": case.bad.at},
    )
    for row in rows if case.good is not None and case.good.report is not None else []:
        name, what = f"{row['model']}/{row['version']}", f"deployment {row['key']} became {row['state']}"
        found.append(Suspect("deployment", name, what, 0.5, row["at"], (visible(row["verdict"], longest=120),), ""))
    return found


def environment_suspects(reader: Reader, case: Case, *, unexplained: bool) -> list[Suspect]:
    """Libraries, interpreter, driver or machine that differ between the runs of the good and of the bad look.

    They weigh more when no data and no rule changed (`unexplained`).
    """
    before, at_before = _environment(reader, case, after=False)
    after, at = _environment(reader, case, after=True)
    if not before or not after or at == at_before:
        return []
    found = []
    packages, old = after.get("packages") or {}, before.get("packages") or {}
    bumped = [
        f"{name} {old.get(name, 'absent')} to {packages.get(name, 'absent')}"
        for name in sorted({*packages, *old})
        if packages.get(name) != old.get(name)
    ]
    weight = 0.88 if unexplained else 0.62
    command = "trainmaster runs compare" if case.bad.run is None else f"trainmaster runs show {case.bad.run}"
    if bumped:
        found.append(Suspect("environment", bumped[0], "a library changed", weight, at, tuple(bumped[1:5]), command))
    elif after.get("lock_digest") != before.get("lock_digest"):
        what = f"{str(before.get('lock_digest'))[:12]} to {str(after.get('lock_digest'))[:12]}"
        found.append(Suspect("environment", "locked packages", what, weight * 0.8, at, (), command))
    for name in ("python", "gpu_driver", "libc", "platform", "cpu", "host", "memory_bytes"):
        if after.get(name) != before.get(name):
            what = f"{visible(before.get(name))} to {visible(after.get(name))}"
            found.append(Suspect("environment", name, what, weight * 0.85, at, (), command))
    return found


def _environment(reader: Reader, case: Case, *, after: bool) -> tuple[Mapping[str, Any], str]:
    """The environment of the newest run up to a look that says it (the look's own run, if it does)."""
    look = case.bad if after else case.good
    if look is None:
        return {}, ""
    named = "AND key = :run" if look.run else "AND started_at <= :at"
    order = f"FROM run WHERE environment <> '{{}}' {named} ORDER BY id DESC LIMIT 1"
    row = reader.one(f"SELECT environment, started_at AS at {order}", {"run": look.run, "at": look.at})
    return (json.loads(row["environment"]), row["at"]) if row else ({}, "")


def _built_at(reader: Reader, case: Case) -> str | None:
    found = reader.value(
        "SELECT created_at FROM feature_set WHERE version = :version AND project_id = "
        "(SELECT id FROM project WHERE name = :project)",
        {"version": case.bad.features, "project": case.project},
    )
    return str(found) if found else None


def _rules(built: Mapping[str, Any]) -> object:
    return built.get("function")


def _short(built: Mapping[str, Any]) -> str:
    return str(built.get("function"))[:8]


def _told(reader: Reader, workspace: Workspace, sha: str, before: str | None, project: str) -> dict[str, Any]:
    """Author, subject and files of a commit: from CI's verdicts, else from git itself."""
    known = reader.one(
        'SELECT author, subject FROM ci_verdict WHERE "commit" = :sha ORDER BY id DESC LIMIT 1', {"sha": sha}
    )
    told = {"author": visible(known["author"]) if known else "", "subject": visible(known["subject"]) if known else ""}
    said = _git(workspace, "show", "--no-patch", "--format=%an%x00%s", sha, "--").strip("\n").split("\0")
    if len(said) == 2 and not told["author"]:
        told = {"author": visible(said[0], longest=80), "subject": visible(said[1], longest=200)}
    range_ = [f"{before}..{sha}"] if before else [f"{sha}~1", sha]
    names = _git(workspace, "diff", "--name-only", *range_, "--", f"projects/{project}").splitlines()
    return {**told, "files": [visible(name, longest=120) for name in names]}


def _git(workspace: Workspace, *words: str) -> str:
    command = ["git", "-C", str(workspace.root), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


__all__ = ["commit_suspects", "deployment_suspects", "environment_suspects", "rule_suspects"]
