"""The installed wheel is enough: outside the checkout it brings the sample data and a model out of it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds, and nothing of the checkout."""
    made = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(next(made.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def outside(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TRAINMASTER_", "PREFECT_"))}
    environment |= {"PYTHONPATH": str(installed), "OMP_WAIT_POLICY": "PASSIVE"}
    # -P: the current folder is not importable; PYTHONPATH comes before the editable install of the checkout
    return subprocess.run(
        [sys.executable, "-P", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_packages_the_sample_and_the_command(installed: Path) -> None:
    entry = next(installed.glob("*.dist-info")) / "entry_points.txt"

    names = {path.relative_to(installed).parts[0] for path in installed.rglob("*") if path.is_file()}

    assert {"app", "flows"} <= names
    assert "tests" not in names
    assert len(list((installed / "app/sample_data/flights").glob("*.parquet"))) == 25
    assert "trainmaster = app.main:main" in entry.read_text()
    assert (installed / "app/tui/app.tcss").is_file()
    assert list((installed / "app/store/migrations").rglob("*.py"))


@pytest.mark.services
def test_the_wheel_runs_the_whole_demo_with_its_services(installed: Path, tmp_path: Path) -> None:
    where = outside(installed, tmp_path, "-c", "import app; print(app.__file__)")

    try:
        ran = outside(installed, tmp_path, "-m", "app.main", "demo", "made", "--json")
        told = outside(installed, tmp_path, "-m", "app.main", "--workspace", "made", "status", "--json")
    finally:
        down = outside(installed, tmp_path, "-m", "app.main", "--workspace", "made", "down")

    assert str(installed) in where.stdout
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["model"] == "flight-delay/1"
    assert {service["service"]: service["state"] for service in json.loads(told.stdout)} == dict.fromkeys(
        ("supervisor", "orchestrator", "worker", "gateway", "watcher"), "up"
    )
    assert down.returncode == 0, down.stderr
