"""Comparing runs: what differs, next to which baseline, with intervals, features, packages and code."""

import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.domain.errors import NotFound, Usage
from app.domain.workspace import Workspace
from app.services.runs import code_changes, pin_baseline
from app.store import ledger
from app.store.engine import Store
from app.store.queries.runs import Comparison, Line, as_documents, compare_runs
from app.store.tables import Run
from tests.store.world import World, make_world


def changed(store: Store, key: str, **values: object) -> None:
    with store.write() as session:
        session.connection().execute(update(Run).where(col(Run.key) == key).values(**values))


def two(store: Store) -> World:
    world = make_world(store)
    with store.write() as session:
        run = ledger.find_run(session, world.runs["retrain"])
        assert run.id is not None
        ledger.log_parameters(session, run.id, {"rounds": 400, "learner": "lightgbm"})
        ledger.log_metrics(session, run.id, {"auc": 0.74, "auc.low": 0.73, "auc.high": 0.75, "odd": float("nan")})
        first = ledger.find_run(session, world.runs["train"])
        assert first.id is not None
        ledger.log_metrics(session, first.id, {"auc.low": 0.715, "auc.high": 0.735})
    changed(store, world.runs["train"], environment=json.dumps({"python": "3.11", "packages": {"lightgbm": "4.6"}}))
    changed(store, world.runs["retrain"], environment=json.dumps({"python": "3.11", "packages": {"lightgbm": "4.7"}}))
    return world


def line(found: Comparison, section: str, name: str) -> Line:
    return next(x for s in found.sections if s.name == section for x in s.lines if x.name == name)


def test_each_section_shows_values_beside_each_other(store: Store) -> None:
    world = two(store)

    found = compare_runs(store.reader, [world.runs["train"], world.runs["retrain"]])

    assert line(found, "parameters", "rounds").values == ("300", "400")
    assert line(found, "parameters", "learner").values == (None, "lightgbm")
    assert line(found, "metrics", "auc").margins == pytest.approx((0.01, 0.01))
    assert line(found, "metrics", "odd").same
    assert line(found, "features", "version").values == ("flight-delay/v1", "flight-delay/v1")
    assert line(found, "packages", "lightgbm").values == ("4.6", "4.7")
    assert line(found, "packages", "python").same
    assert found.verdicts == (
        f"{world.runs['retrain'][:6]} beats {world.runs['train'][:6]} by .020 auc, inside ±.010: not significant",
    )


def test_only_differences_are_shown_unless_all_is_asked_for(store: Store) -> None:
    world = two(store)
    found = compare_runs(store.reader, [world.runs["train"], world.runs["retrain"]])

    short, long = as_documents(found, everything=False), as_documents(found, everything=True)

    assert "python" not in short["packages"]
    assert long["packages"]["python"]["values"] == dict.fromkeys(found.keys, "3.11")
    assert found.counts()[0] == sum(len(short[name]) for name in ("run", "parameters", "metrics", "packages"))


def test_the_pinned_baseline_comes_along_and_a_named_one_wins(store: Store) -> None:
    world = two(store)
    pin_baseline(store, world.runs["ingest"], by="ana")

    pinned = compare_runs(store.reader, [world.runs["train"], world.runs["retrain"]])
    named = compare_runs(store.reader, [world.runs["train"]], baseline=world.runs["retrain"])

    assert pinned.keys[pinned.baseline] == world.runs["ingest"]
    assert pinned.pinned
    assert len(pinned.runs) == 3
    assert named.keys[named.baseline] == world.runs["retrain"]
    assert not named.pinned


def test_one_run_or_thirteen_are_no_comparison(store: Store) -> None:
    world = two(store)

    with pytest.raises(Usage, match="1 run is not 2 to 12"):
        compare_runs(store.reader, [world.runs["train"], world.runs["train"]])
    with pytest.raises(NotFound):
        compare_runs(store.reader, [world.runs["train"], "ffff"])


def test_the_code_between_two_commits_is_shown(store: Store, workspace: Workspace) -> None:
    world = two(store)
    file = workspace.project_folder(world.project) / "features.py"
    file.parent.mkdir(parents=True)
    first, second = (commit(workspace.root, file, text) for text in ("a = 1\n", "a = 2\n"))
    changed(store, world.runs["train"], commit=first, dirty=False)
    changed(store, world.runs["retrain"], commit=second, dirty=True)

    [change] = code_changes(store, workspace, compare_runs(store.reader, [world.runs["train"], world.runs["retrain"]]))

    assert change.files == (f"projects/{world.project}/features.py",)
    assert "-a = 1\n+a = 2" in change.patch
    assert "changes not kept that were not committed" in change.says


def test_a_commit_that_is_gone_or_none_is_said(store: Store, workspace: Workspace) -> None:
    world = two(store)
    keys = [world.runs["train"], world.runs["retrain"]]
    says = []
    for commits in ((None, "a" * 40), ("--output=x", "a" * 40), ("b" * 40, "a" * 40), ("a" * 40, "a" * 40)):
        for key, value in zip(keys, commits, strict=True):
            changed(store, key, commit=value)
        says.append(code_changes(store, workspace, compare_runs(store.reader, keys))[0].says)

    assert says == [
        "a commit is not known: the workspace was no git repository",
        "a commit is no commit of git",
        "the repository no longer has one of the commits",
        "the same commit",
    ]


def commit(root: Path, file: Path, text: str) -> str:
    file.write_text(text)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--", str(file)], check=True)
    subprocess.run([*git, "commit", "--quiet", "--no-verify", "-m", "x"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
