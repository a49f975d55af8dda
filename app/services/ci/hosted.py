"""The file with which a hosted CI calls the same command."""

from pathlib import Path

from app.domain.errors import Refused
from app.domain.workspace import Workspace

FILES = {
    "github": (
        ".github/workflows/trainmaster.yml",
        """name: trainmaster
on: [push, pull_request]
permissions:
  contents: read
jobs:
  ci:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: pip install 'trainmaster[ci]'
      - run: trainmaster ci run --all --here --json
""",
    ),
    "gitlab": (
        ".gitlab-ci.yml",
        """trainmaster:
  image: python:3.11
  timeout: 30 minutes
  script:
    - pip install 'trainmaster[ci]'
    - trainmaster ci run --all --here --json
""",
    ),
}


def write_hosted(workspace: Workspace, host: str) -> Path:
    """Write the file for `github` or `gitlab`; raises Refused when one is there that says something else."""
    name, text = FILES[host]
    path = workspace.root / name
    if path.exists() and path.read_text() != text:
        raise Refused(
            f"{name} is there already",
            where=str(path),
            next_step="add to it: trainmaster ci run --all --here --json",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


__all__ = ["FILES", "write_hosted"]
