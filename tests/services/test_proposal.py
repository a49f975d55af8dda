"""`init`: proposals from files, and the projects that they become."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from app.domain.errors import BadInput, NotFound, Refused, Usage
from app.domain.problem import Task
from app.domain.workspace import Workspace
from app.services.features import TrainingFrame, training_frame
from app.services.proposal import propose, write_project
from app.services.workspaces import open_project, project_names
from app.store.engine import Store
from tests.services.made import build, take_in

HOSTILE = "\x1b]52;c;x\x07[/x]"


def customers(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "customer_id": [f"C{n:04}" for n in range(rows)],
            "signed_up": pd.date_range("2020-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "age": random.integers(18, 80, rows).astype(str),
            "plan": random.choice(["basic", "gold"], rows),
            "country": "de",
            "churn": random.choice(["yes", "no"], rows),
        }
    )


def written(folder: Path, frame: pd.DataFrame, name: str = "rows.csv") -> Path:
    path = folder / name
    frame.to_parquet(path) if name.endswith(".parquet") else frame.to_csv(path, index=False)
    return path


def trained_on(workspace: Workspace, store: Store, name: str, file: Path, target: str | None = None) -> TrainingFrame:
    write_project(workspace, name, propose(file, target=target))
    project = open_project(workspace, name)
    take_in(store, project)
    return training_frame(store, project, build(store, project).id)


@pytest.mark.parametrize(
    ("dataset", "task", "rows", "features"),
    [
        ("breast_cancer", Task.BINARY, 569, 30),
        ("wine", Task.MULTICLASS, 178, 13),
        ("iris", Task.MULTICLASS, 150, 4),
        ("diabetes", Task.REGRESSION, 442, 10),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_datasets_of_scikit_learn_become_training_frames(
    workspace: Workspace, store: Store, dataset: str, task: Task, rows: int, features: int, suffix: str, tmp_path: Path
) -> None:
    frame = getattr(sklearn.datasets, f"load_{dataset}")(as_frame=True).frame
    file = written(tmp_path, frame, f"{dataset}.{suffix}")

    proposal = propose(file)
    found = trained_on(workspace, store, "trial", file)

    assert (proposal.target, proposal.task) == ("target", task)
    assert len(found.frame) == rows
    assert [feature.name for feature in found.features] == list(frame.columns[:-1])
    assert len(found.features) == features


def test_every_choice_has_its_reason(tmp_path: Path) -> None:
    frame = customers()
    frame["answer_again"] = frame["churn"].map({"yes": 5, "no": 6})
    frame["note"] = [f"note {n}" for n in range(len(frame))]
    frame.loc[4, "age"] = f"unknown{HOSTILE}"

    proposal = propose(written(tmp_path, frame))

    assert (proposal.target, proposal.task, proposal.time, proposal.entity) == (
        "churn",
        Task.BINARY,
        "signed_up",
        "customer_id",
    )
    assert proposal.features == ("age", "plan")
    assert dict(proposal.excluded) == {
        "customer_id": "it names the row, it does not describe it",
        "country": "it is constant",
        "answer_again": "each of its values goes with one value of the target",
        "note": "it is text that is different in every row",
    }
    assert any(
        "1 value not a number, first 'unknown\\e" in line and "rows.csv line 6" in line for line in proposal.says
    )
    assert not any("\x1b" in line for line in proposal.says)


def test_choices_can_be_named(tmp_path: Path) -> None:
    proposal = propose(written(tmp_path, customers()), target="age", time="signed_up", entity="customer_id")

    assert (proposal.target, proposal.task) == ("age", Task.REGRESSION)
    with pytest.raises(Usage, match="no column 'gone'"):
        propose(tmp_path / "rows.csv", target="gone")
    with pytest.raises(Refused, match="'plan' does not hold times"):
        propose(tmp_path / "rows.csv", time="plan")
    with pytest.raises(Refused, match="'plan' does not name each row: 0 are missing, 198 repeat"):
        propose(tmp_path / "rows.csv", entity="plan")


REFUSED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "a constant target": ({"churn": "no"}, "churn", "constant, always 'no'"),
    "a target that is missing everywhere": ({"churn": None}, "churn", "every value is missing"),
    "a target of free text": ({"churn": [f"t{n}" for n in range(200)]}, "churn", "text with 200 different values"),
    "a time as a target": ({}, "signed_up", "it is a time"),
    "a class of one row": ({"churn": ["no"] * 199 + ["yes"]}, None, "only 1 rows have churn = yes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_is_refused_with_the_reason(tmp_path: Path, case: str) -> None:
    changes, target, words = REFUSED[case]

    with pytest.raises(Refused, match=words) as found:
        propose(written(tmp_path, customers().assign(**changes)), target=target)

    assert found.value.next_step


def test_too_few_rows_columns_or_features_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="29 rows are too few"):
        propose(written(tmp_path, customers(29)))
    with pytest.raises(Refused, match="one column only"):
        propose(written(tmp_path, customers()[["churn"]]))
    with pytest.raises(Refused, match="no column is left to learn 'churn' from"):
        propose(written(tmp_path, customers()[["customer_id", "country", "churn"]]))
    with pytest.raises(Refused, match="no column can be the target"):
        propose(written(tmp_path, customers()[["customer_id", "signed_up", "country"]]))


def test_a_file_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    (tmp_path / "twice.csv").write_text("a,a\n1,2\n")

    with pytest.raises(BadInput, match="'a' is there 2 times"):
        propose(tmp_path / "twice.csv")
    with pytest.raises(NotFound):
        propose(tmp_path / "gone.csv")


def test_a_project_is_written_whole_and_only_once(workspace: Workspace, tmp_path: Path) -> None:
    proposal = propose(written(tmp_path, customers()))

    project = write_project(workspace, "churn", proposal)

    assert project_names(workspace) == ["churn"]
    assert sorted(
        path.relative_to(project.folder).as_posix() for path in project.folder.rglob("*") if path.is_file()
    ) == [
        "features.py",
        "incoming/rows/rows.csv",
        "project.toml",
        "tests/test_features.py",
    ]
    with pytest.raises(Refused, match="there is a project churn already"):
        write_project(workspace, "churn", proposal)
    with pytest.raises(Refused, match="cannot name a project"):
        write_project(workspace, "../x", proposal)
    assert not list(workspace.state.glob("init-*"))


def test_a_file_that_changed_since_the_proposal_is_not_taken(workspace: Workspace, tmp_path: Path) -> None:
    proposal = propose(written(tmp_path, customers()))
    written(tmp_path, customers(100))

    with pytest.raises(Refused, match="changed while it was copied"):
        write_project(workspace, "churn", proposal)

    assert project_names(workspace) == []


def test_hostile_names_become_a_project_whose_tests_pass(workspace: Workspace, store: Store, tmp_path: Path) -> None:
    frame = customers().rename(columns={"age": f'age"""{HOSTILE}', "plan": "pl'an\\", "churn": "row_id"})
    file = written(tmp_path, frame.drop(columns="customer_id"), 'x"""; raise SystemExit.csv')

    found = trained_on(workspace, store, "hostile", file, target="row_id")
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(workspace.project_folder("hostile"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=workspace.root,
    )

    assert len(found.frame) == 200
    assert found.target == "row_id"
    assert {feature.name for feature in found.features} == {f'age"""{HOSTILE}', "pl'an\\"}
    assert tests.returncode == 0, tests.stdout
