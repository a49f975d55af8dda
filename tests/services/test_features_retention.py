"""Retention: versions that something refers to stay, others go with their files."""

import pytest
from sqlalchemy import text

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref
from app.domain.workspace import Workspace
from app.services.features import compact, feature_sets, prune, training_frame
from app.services.running import running
from app.services.workspaces import OpenProject, now
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
