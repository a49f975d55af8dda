"""Fits of a back-test: made once, read again, and made anew where a file is damaged."""

from pathlib import Path

import numpy as np
import pytest

from app.domain.project import ProjectFile, parse_project
from app.services.backtest.fits import Fits
from app.services.backtest.history import History, Lesson
from tests.learning.made import FEATURES, PROJECT, make_frame


@pytest.fixture(scope="module")
def project() -> ProjectFile:
    return parse_project(PROJECT, "project.toml")


@pytest.fixture(scope="module")
def history(project: ProjectFile) -> History:
    frame = make_frame(rows=1200, months=4)
    return History(frame, np.asarray(frame["late"], dtype=np.float64), project.problem)


def fits(history: History, project: ProjectFile, folder: Path, *, digest: str = "a") -> Fits:
    return Fits(
        history, project, FEATURES, ("0", "1"), digest=digest, folder=folder, told=lambda _: None, threads=1
    )  # fmt: skip


def test_a_month_that_is_asked_for_later_is_no_second_fit(
    history: History, project: ProjectFile, tmp_path: Path
) -> None:
    first = fits(history, project, tmp_path)
    near = first.scores(Lesson(2), 2)

    again = fits(history, project, tmp_path)
    same, far = again.scores(Lesson(2), 2), again.scores(Lesson(2), 3)

    assert (first.made, again.made) == (1, 0)
    assert np.array_equal(near, same)
    assert len(far) == len(history.rows_of(3))


def test_what_is_damaged_or_of_other_features_is_fitted_again(
    history: History, project: ProjectFile, tmp_path: Path
) -> None:
    before = fits(history, project, tmp_path).scores(Lesson(2), 3)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:200] + b"\0" * 20)

    mended = fits(history, project, tmp_path)
    other = fits(history, project, tmp_path, digest="b")

    assert np.array_equal(mended.scores(Lesson(2), 3), before)
    assert np.array_equal(other.scores(Lesson(2), 3), before)
    assert (mended.made, other.made) == (1, 1)
    assert {file.suffix for file in tmp_path.iterdir()} == {".npz"}
