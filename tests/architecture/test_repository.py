"""What the repository promises to whoever clones it."""

import re
import subprocess
import tomllib
from pathlib import Path

import app
from app.domain import actions

ROOT = Path(__file__).parents[2]


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_every_requirement_is_pinned_with_a_hash_and_no_index_is_named() -> None:
    text = (ROOT / "requirements.lock").read_text()

    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert len(entries) > 100
    assert all(re.match(r"[a-zA-Z0-9._-]+==", entry) for entry in entries)
    assert text.count("--hash=sha256:") > len(entries)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_no_tracked_file_carries_a_conflict_or_an_absolute_path_of_a_home() -> None:
    offenders = []
    for file in tracked_files():
        if file.suffix in {".py", ".md", ".toml", ".txt", ""} and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            if re.search(r"^(<{7}|>{7}) ", text, re.M) or re.search(r"(?<![\w.])/(home|Users)/\w+/", text):
                offenders.append(file.name)

    assert offenders == []


def test_the_version_is_the_same_everywhere() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert declared == app.__version__
    assert f"## {declared}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_module_unpickles() -> None:
    sources = [
        file for file in tracked_files() if file.suffix == ".py" and file.parts[len(ROOT.parts)] in {"app", "flows"}
    ]

    offenders = [
        file.name
        for file in sources
        if re.search(r"\b(pickle|cloudpickle|joblib|dill|shelve)\.(load|loads|dump|dumps|open)\b", file.read_text())
    ]

    assert offenders == []


def test_the_readme_has_the_keys_of_the_table_of_actions() -> None:
    text = (ROOT / "README.md").read_text()

    assert actions.markdown() in text


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())

    assert shown
    assert all((ROOT / name).is_file() for name in shown)
