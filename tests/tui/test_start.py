"""Starting is light: what the first frame needs, and nothing that computes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "prefect", "pandas", "sklearn", "lightgbm", "scipy", "duckdb", "pyarrow", "fastapi", "sqlmodel", "sqlalchemy",
    "pydantic", "numpy", "deltalake", "httpx",
)  # fmt: skip


def test_importing_the_screen_loads_nothing_heavy() -> None:
    code = (
        "import sys, app.tui.app, app.tui.screens.overview, app.tui.screens.runs, app.tui.screens.registry\n"
        "import app.tui.screens.data, app.tui.screens.monitoring, app.tui.screens.infrastructure\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )

    assert done.stdout.strip() == "[]"


def test_a_key_just_after_an_update_is_drawn_at_once() -> None:
    code = "import app.tui.app; from textual.constants import MAX_FPS; print(MAX_FPS)"

    def frames(environment: dict[str, str]) -> int:
        given = {"PYTHONPATH": str(ROOT), **environment}
        return int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=given).stdout)

    assert frames({}) == 240
    assert frames({"TEXTUAL_FPS": "30"}) == 30
