"""A file counts when it is whole and at rest."""

from pathlib import Path

import pytest

from app.watcher.files import Rest, is_finished_name, project_and_path


@pytest.mark.parametrize("name", [".hidden", "_tmp", "a.csv.part", "b.parquet.tmp", "c.csv~", "D.CRDOWNLOAD", ".x.swp"])
def test_names_of_unfinished_files_do_not_count(name: str) -> None:
    assert not is_finished_name(name)


def test_paths_outside_projects_and_caches_do_not_count() -> None:
    root = Path("/w/projects")

    assert project_and_path(root, Path("/w/other/a.csv")) is None
    assert project_and_path(root, Path("/w/projects/stray.csv")) is None
    assert project_and_path(root, Path("/w/projects/demo/__pycache__/x.pyc")) is None
    assert project_and_path(root, Path("/w/projects/demo/incoming/.a.csv.x9")) is None


def test_a_growing_file_waits_until_it_stops_growing(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rest = Rest(quiet_s=1.0)
    file.write_text("id\n")
    rest.touch(file, 0.0)
    file.write_text("id\n1\n")

    while_growing = rest.settled(1.5)
    too_soon = rest.settled(2.0)
    at_rest = rest.settled(2.6)

    assert (while_growing, too_soon, at_rest) == ([], [], [file])
    assert len(rest) == 0


def test_a_file_that_vanishes_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    rest = Rest(quiet_s=0.0)
    file.write_text("id\n")
    rest.touch(file, 0.0)
    file.unlink()

    assert rest.settled(5.0) == []
    assert len(rest) == 0
