"""A CI run of a small project, from a commit to a bundle, or to a red verdict."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from app.cli.main import run as trainmaster
from app.domain.errors import Damaged
from app.domain.project.evaluation import Card
from app.domain.states import CauseKind
from app.domain.workspace import Workspace
from app.services import registry, runs
from app.services.ci.bundles import unfolded
from app.services.workspaces import make_workspace, open_project, open_store
from app.store import artifacts
from app.store.engine import Store
from app.store.queries.ci import verdicts
from app.store.queries.runs import run_detail, tasks_of
from app.store.tables import Bundle, Chunk
from tests.services.ci.made import NAME, commit, git, write_homes

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose project has data and a model, and whose commit passed CI."""
    folder = tmp_path_factory.mktemp("ci")
    workspace = make_workspace(folder / "workspace")
    write_homes(workspace, folder, rows=1900)
    declare(workspace)
    with open_store(workspace) as store:
        for flow in ("ingest", "features", "train", "ci"):
            runs.run_here(store, workspace, NAME, flow, on_progress=lambda _row: None)
    return workspace


def declare(workspace: Workspace) -> None:
    """Gates that only real flows can satisfy, a protected column, and all that a person says on the card; committed."""
    file = workspace.project_file(NAME)
    text, found = re.subn(r'("?town"? = \{ type = "\w+")', r'\1, privacy = "protected"', file.read_text())
    assert found == 1
    card = "".join(f'{name} = "said by ana"\n' for name in Card.model_fields)
    gates = "green_ci = true\ndata_contract = true\ncard_complete = true\nmaximum_fairness_gap = 0.9\n"
    file.write_text(f"{text}\n[gates]\n{gates}\n[card]\n{card}")
    commit(workspace, "declares more gates")


@pytest.fixture
def store(homes: Workspace) -> Iterator[Store]:
    with open_store(homes) as opened:
        yield opened


@pytest.fixture
def as_committed(homes: Workspace) -> Iterator[None]:
    """After the test the folder is at the commit that passed."""
    first = git(homes.root, "rev-parse", "HEAD")
    yield
    git(homes.root, "reset", "--quiet", "--hard", first)


def test_a_good_commit_is_green_and_each_stage_says_what_it_did(store: Store) -> None:
    (found,) = verdicts(store.reader, project=NAME)

    stages = tasks_of(store.reader, found.run)
    assert (found.verdict, found.stage, found.reason) == ("green", "", "")
    assert [stage.name for stage in stages] == ["lint", "tests", "contracts", "smoke", "fit", "deliver"]
    assert all(stage.says and stage.duration_s is not None for stage in stages)
    assert "gateway gave the stored answer" in stages[3].says


def test_the_gates_for_ci_contract_card_and_fairness_pass_where_real_flows_have_satisfied_them(
    homes: Workspace, store: Store
) -> None:
    tested = registry.judge_again(store, open_project(homes, NAME), NAME, 1, by="ana")

    gates = {gate.gate: gate for gate in tested.gates}
    assert {name: gates[name].passed for name in ("ci", "contract", "card", "fairness")} == dict.fromkeys(
        ("ci", "contract", "card", "fairness"), True
    ), [gate.says for gate in tested.gates]
    assert "is green" in gates["ci"].says
    assert "keep their contracts" in gates["contract"].says
    assert "town" in gates["fairness"].says
    assert gates["fairness"].value is not None


def test_the_digest_of_the_bundle_recomputes_from_its_bytes(store: Store) -> None:
    (found,) = verdicts(store.reader, project=NAME)

    with store.read() as session:
        manifest = artifacts.get(session, session.execute(select(col(Bundle.manifest))).scalar_one())
        files = json.loads(manifest)["files"]
        contents = {file["path"]: artifacts.get(session, file["sha256"]) for file in files}

    assert hashlib.sha256(manifest).hexdigest() == found.bundle
    assert all(hashlib.sha256(contents[file["path"]]).hexdigest() == file["sha256"] for file in files)
    assert f"projects/{NAME}/features.py" in contents


@pytest.mark.usefixtures("as_committed")
def test_automated_runs_execute_the_bundle_and_a_person_the_working_tree(homes: Workspace, store: Store) -> None:
    homes.features_file(NAME).write_text("raise RuntimeError('not for automated runs')\n")

    automated = runs.run_here(
        store, homes, NAME, "features", on_progress=lambda _row: None, cause=CauseKind.SCHEDULE, cause_key="nightly"
    )
    mine = runs.run_here(store, homes, NAME, "features", on_progress=lambda _row: None)

    kept, failed = run_detail(store.reader, automated), run_detail(store.reader, mine)
    assert kept.row.state == "completed"
    assert (kept.commit, kept.dirty) == (git(homes.root, "rev-parse", "HEAD"), False)
    assert failed.row.state == "failed"
    assert "not for automated runs" in failed.row.error


def test_a_changed_byte_in_the_unfolded_bundle_is_put_right(homes: Workspace, store: Store) -> None:
    (found,) = [row for row in verdicts(store.reader, project=NAME) if row.bundle]
    assert found.bundle is not None
    folder = unfolded(store, homes, found.bundle)
    file = folder / "projects" / NAME / "features.py"
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"changed")

    again = unfolded(store, homes, found.bundle)

    assert again == folder
    assert file.read_bytes() == before


def test_a_changed_byte_in_the_artifact_store_is_refused(homes: Workspace, store: Store, tmp_path: Path) -> None:
    import shutil

    other = make_workspace(tmp_path / "other")
    shutil.copytree(homes.state, other.state, dirs_exist_ok=True, ignore=shutil.ignore_patterns("bundles", "features"))
    with open_store(other) as copy:
        (found,) = [row for row in verdicts(copy.reader, project=NAME) if row.bundle]
        assert found.bundle is not None
        with copy.read() as session:
            manifest = session.execute(select(col(Bundle.manifest))).scalar_one()
        with copy.write() as session:
            changed = b'{"files":[]}'
            session.connection().execute(
                Chunk.__table__.update().where(col(Chunk.artifact) == manifest).values(content=changed)  # type: ignore[attr-defined]
            )

        with pytest.raises(Damaged):
            unfolded(copy, other, found.bundle)


BROKEN = {
    "lint": ("features.py", "import os\nimport app.store\n", "feature code does not import Trainmaster"),
    "tests": ("tests/test_features.py", "def test_it() -> None:\n    assert 1 == 2\n", "FAILED"),
}


@pytest.mark.usefixtures("as_committed")
@pytest.mark.parametrize("stage", BROKEN)
def test_a_broken_commit_is_red_and_delivers_nothing(
    homes: Workspace, store: Store, stage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, text, why = BROKEN[stage]
    (homes.project_folder(NAME) / name).write_text(text)
    sha = commit(homes, f"breaks {stage}")

    with pytest.raises(SystemExit) as ended:
        trainmaster(["--workspace", str(homes.root), "ci", "run", "--here", "--json"])

    (told,) = json.loads(capsys.readouterr().out)
    assert ended.value.code == 1
    assert (told["verdict"], told["stage"], told["bundle"], told["commit"]) == ("red", stage, None, sha)
    assert why in told["reason"]
    assert not any(homes.ci.iterdir())
