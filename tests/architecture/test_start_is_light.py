"""What a person starts first must not wait for what is used last."""

import subprocess
import sys

import pytest

HEAVY = {
    "prefect", "pandas", "sklearn", "lightgbm", "scipy", "duckdb", "pyarrow", "fastapi", "sqlmodel", "sqlalchemy",
    "deltalake", "pandera",
}  # fmt: skip


@pytest.mark.parametrize("module", ["app.main", "app.cli.main", "app.cli.session", "app.services.workspaces"])
def test_a_module_that_the_command_line_starts_with_loads_nothing_heavy(module: str) -> None:
    script = f"import {module}, sys; print(' '.join(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert HEAVY.isdisjoint({name.split(".")[0] for name in loaded.split()})


def test_help_lists_every_command_without_importing_one() -> None:
    script = (
        "import sys\nfrom app.cli.main import root\n"
        "try: root(args=['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('app.cli.') and name != 'app.cli.main'])"
    )

    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert printed.rstrip().endswith("[]")
    assert "promotion and rollback" in printed
