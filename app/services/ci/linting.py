"""Stage lint: every Python file parses, `project.toml` is valid, nothing imports Trainmaster, and ruff agrees."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

from app.domain.errors import BadInput, Refused
from app.domain.text import visible
from app.services.ci.checkout import Checkout
from app.services.running import TaskContext
from app.services.workspaces import open_project

OURS = ("app", "flows")
RULES = "E4,E7,E9,F"
TIMEOUT_S = 120


def lint(task: TaskContext, checkout: Checkout) -> None:
    """Check the text of the project's code; raises BadInput or Refused with file and line of the first complaint."""
    name = task.run.project.name
    root = checkout.workspace.root
    project = open_project(checkout.workspace, name)
    files = sorted(project.folder.rglob("*.py"))
    for path in files:
        _require_plain(path, path.relative_to(root).as_posix())
    ruff = _ruff(files, root)
    with task.run.store.write() as session:
        task.complete(session, says=f"{len(files)} Python files, project.toml{ruff}")


def _require_plain(path: Path, shown: str) -> None:
    try:
        tree = ast.parse(path.read_bytes(), shown)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise BadInput(
            f"it is not Python: {visible(error)}", where=shown + line, next_step=f"correct {shown}"
        ) from None
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if any(name.split(".")[0] in OURS for name in names):
            raise Refused(
                "feature code does not import Trainmaster: it must run in a notebook as it stands",
                where=f"{shown}:{getattr(node, 'lineno', 1)}",
                next_step=f"remove the import from {shown}",
            )


def _ruff(files: list[Path], root: Path) -> str:
    """What ruff says of its error rules, or a remark that it is not installed."""
    if not files or importlib.util.find_spec("ruff") is None:
        return " (ruff is not installed: pip install 'trainmaster[ci]')" if files else ""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "--quiet"]
    own = any((root / name).is_file() for name in ("ruff.toml", ".ruff.toml", "pyproject.toml"))
    command += [] if own else ["--isolated", f"--select={RULES}"]
    ran = subprocess.run(
        [*command, *map(str, files)], cwd=root, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if ran.returncode == 0:
        return ", ruff"
    lines = [line for line in (ran.stdout or ran.stderr).splitlines() if line.strip()]
    first = visible(lines[0].replace(f"{root}/", ""), longest=300) if lines else f"exit code {ran.returncode}"
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    raise Refused(f"ruff: {first}{more}", next_step="ruff check projects")


__all__ = ["lint"]
