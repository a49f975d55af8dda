"""The wheel holds all that runs, and nothing else; that it runs is told by `tests/test_readme.py`."""

from pathlib import Path


def test_the_wheel_holds_the_packages_the_sample_and_the_command(installed: Path) -> None:
    entry = next(installed.glob("*.dist-info")) / "entry_points.txt"

    names = {path.relative_to(installed).parts[0] for path in installed.rglob("*") if path.is_file()}

    assert {"app", "flows"} <= names
    assert "tests" not in names
    assert len(list((installed / "app/sample_data/flights").glob("*.parquet"))) == 25
    assert "trainmaster = app.main:main" in entry.read_text()
    assert (installed / "app/tui/app.tcss").is_file()
    assert list((installed / "app/store/migrations").rglob("*.py"))
