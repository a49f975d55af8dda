"""Retention: versions that something refers to stay, others go with their files."""

import multiprocessing
import os
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref
from app.domain.workspace import Workspace
from app.services.features import compact, feature_sets, prune, training_frame
from app.services.running import running
from app.services.workspaces import OpenProject, now, open_project, open_store
from app.store import lineage
from app.store.engine import Store
from tests.services.made import CODE, build, homes, take_in


def four_versions(workspace: Workspace, store: Store) -> OpenProject:
    project = homes(workspace)
    take_in(store, project)
    for rooms in range(4):
        project = homes(workspace, code=CODE.replace("kind=homes", f"rooms={rooms}, kind=homes"))
        build(store, project)
    return project


def test_old_versions_go_with_their_files_and_the_newest_stay(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)
    before = {info.version: training_frame(store, project, info.id).frame for info in feature_sets(store, 1)}

    shown = prune(store, project, by="ana", reason="space", keep=2, dry_run=True)
    pruned = prune(store, project, by="ana", reason="space", keep=2)

    assert (shown.removed, shown.files, shown.says[:12]) == ((1, 2), 2, "would remove")
    assert (pruned.removed, pruned.files) == ((1, 2), 2)
    assert [info.version for info in feature_sets(store, 1)] == [4, 3]
    for info in feature_sets(store, 1):
        assert training_frame(store, project, info.id).frame.equals(before[info.version])
    with store.read() as session:
        actions = session.connection().execute(text("SELECT action FROM audit_event")).scalars().all()
    assert "features.pruned" in actions


def pruned_until_killed(root: Path, at: int) -> None:
    """Prune in this process until its step number `at`: a write to the store, or a file that goes; die before it."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if done > at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_store(Workspace(root)) as opened:
        write, unlink = opened.write, Path.unlink

        def counted(**named: bool) -> AbstractContextManager[Session]:
            step()
            return write(**named)

        def removed(path: Path, missing_ok: bool = False) -> None:
            step()
            unlink(path, missing_ok)

        opened.write = counted  # type: ignore[method-assign,assignment]
        Path.unlink = removed  # type: ignore[method-assign,assignment]
        prune(opened, open_project(Workspace(root), "homes"), by="ana", reason="space", keep=1)


@pytest.mark.parametrize("at", [1, *(pytest.param(point, marks=pytest.mark.faults) for point in (0, 2, 3, 4))])
def test_a_prune_that_is_killed_leaves_whole_versions_and_the_next_one_ends_it(
    workspace: Workspace, store: Store, at: int
) -> None:
    project = four_versions(workspace, store)
    before = {info.version: training_frame(store, project, info.id).frame for info in feature_sets(store, 1)}

    process = multiprocessing.get_context("spawn").Process(target=pruned_until_killed, args=(workspace.root, at))
    process.start()
    process.join(120)
    left = {info.version: training_frame(store, project, info.id).frame for info in feature_sets(store, 1)}
    again = prune(store, project, by="ana", reason="space", keep=1)

    assert process.exitcode == (-signal.SIGKILL if at < 4 else 0)
    assert sorted(left) == ([1, 2, 3, 4] if at == 0 else [4])
    assert all(left[version].equals(before[version]) for version in left)
    assert (len(again.removed), again.files) == ((3, 3) if at == 0 else (0, 4 - at))
    assert build(store, project).is_new is False


def test_a_version_that_was_pruned_can_be_built_again(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)
    prune(store, project, by="ana", reason="space", keep=1)

    again = build(store, homes(workspace, code=CODE.replace("kind=homes", "rooms=0, kind=homes")))

    assert (again.version, again.is_new) == (5, True)
    assert training_frame(store, project, again.id).frame["rooms"].tolist() == [0, 0]


def test_a_version_that_a_run_read_stays_and_deleting_it_is_refused(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)
    with running(store, project, "train", stages=1) as run, run.task("pull") as task, store.write() as session:
        task.complete(session, inputs=[Ref("features", "homes/v2")])

    pruned = prune(store, project, by="ana", reason="space", keep=1)

    assert pruned.removed == (1, 3)
    assert pruned.kept[2] == "in use: 1 runs read it"
    with pytest.raises(Refused, match="version 2 of the features stays: in use: 1 runs read it"):
        prune(store, project, by="ana", reason="space", version=2)


def test_a_version_that_a_row_refers_to_stays(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)
    with running(store, project, "train", stages=1) as run:
        pass
    oldest = feature_sets(store, 1)[-1]
    with store.write() as session:
        lineage.link(
            session, [(Ref("features", f"homes/v{oldest.version}"), Ref("run", run.key), "trained_on")], now=now()
        )

    assert prune(store, project, by="ana", reason="space", keep=1).kept[1] == "in use: 1 edges of the lineage"
    with pytest.raises(Refused, match="version 4 of the features stays: it is among the newest"):
        prune(store, project, by="ana", reason="space", version=4)
    with pytest.raises(NotFound):
        prune(store, project, by="ana", reason="space", version=9)


def test_nothing_is_removed_while_a_run_may_publish(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)

    with running(store, project, "features", stages=1), pytest.raises(Refused, match="goes on and may publish"):
        prune(store, project, by="ana", reason="space", keep=1)


def test_compaction_leaves_every_version_as_it_was(workspace: Workspace, store: Store) -> None:
    project = four_versions(workspace, store)
    before = {info.version: training_frame(store, project, info.id).frame for info in feature_sets(store, 1)}

    found = compact(store, project, by="ana")

    assert set(found.tables) == {"asked", "facts", "rates_in_town"}
    for info in feature_sets(store, 1):
        assert training_frame(store, project, info.id).frame.equals(before[info.version])
