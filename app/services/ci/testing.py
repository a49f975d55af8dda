"""Stage tests: the project's own tests, in a process of their own, on the commit's files alone."""

import importlib.util
import os
import re
import subprocess
import sys

from app.domain.errors import Refused, Unavailable
from app.domain.text import visible
from app.services.ci.checkout import Checkout
from app.services.running import TaskContext

TIMEOUT_S = 900
SUMMARY = re.compile(r"\d+ (?:passed|failed|error)")
NO_TESTS = 5
NO_PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
"""Whoever wants no plugins wants none here, either."""


def run_tests(task: TaskContext, checkout: Checkout) -> None:
    """Run `projects/NAME/tests` with pytest; raises Refused naming the first failure, Unavailable without pytest."""
    run = task.run
    folder = f"projects/{run.project.name}/tests"
    if not any(path.startswith(f"{folder}/") and path.endswith(".py") for path in checkout.files):
        raise Refused(
            f"there is no test in {folder}: nothing says what the feature code should do",
            next_step=f"write {folder}/test_features.py and commit it",
        )
    if importlib.util.find_spec("pytest") is None:
        raise Unavailable("pytest is not installed", next_step="pip install 'trainmaster[ci]'")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", "-rfE", folder]
    try:
        ran = subprocess.run(
            command,
            cwd=checkout.workspace.root,
            env=_environment(),
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"the tests took more than {TIMEOUT_S} s", where=folder, next_step=f"pytest {folder}") from None
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    run.log(visible("\n".join(lines), longest=50_000))
    says = next((line.strip("= ") for line in reversed(lines) if SUMMARY.search(line)), "no result")
    if ran.returncode != 0:
        failed = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), says)
        why = "no test was found" if ran.returncode == NO_TESTS else visible(failed, longest=300)
        raise Refused(f"{why} ({visible(says, longest=100)})", where=folder, next_step=f"pytest {folder}")
    with run.store.write() as session:
        task.complete(session, says=visible(says, longest=200))


def _environment() -> dict[str, str]:
    """The environment without what belongs to this workspace: tests may not reach its store, services or token."""
    ours = ("TRAINMASTER_", "PREFECT_", "PYTEST")
    kept = {key: value for key, value in os.environ.items() if key == NO_PLUGINS or not key.startswith(ours)}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "OMP_WAIT_POLICY": "PASSIVE"}


__all__ = ["run_tests"]
