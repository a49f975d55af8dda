"""Every process that loads LightGBM has OMP_WAIT_POLICY=PASSIVE before: a fit beside a busy core depends on it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BARE = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | {"PYTHONPATH": str(ROOT)}
WAYS = ("wait_passively", "VARIABLE: PASSIVE", "make_dataset", 'setdefault("OMP_WAIT_POLICY", "PASSIVE")')
ENTRY = """
import importlib, os, sys
sys.argv = ["x", "--help"]
try:
    importlib.import_module(NAME).main()
except SystemExit:
    pass
sys.stderr.write(os.environ.get("OMP_WAIT_POLICY", "not set"))
"""


@pytest.mark.parametrize("module", ["app.main", "app.gateway.__main__", "app.watcher.worker"])
def test_an_entry_sets_it_before_anything_else(module: str) -> None:
    script = ENTRY.replace("NAME", repr(module))

    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=BARE)

    assert told.stderr.splitlines()[-1].endswith("PASSIVE")


def test_a_flow_sets_it_even_when_it_fails_at_once(tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom flows.train import train\n"
        f"try: train('none', workspace={str(tmp_path)!r})\nexcept Exception: pass\n"
        "print(os.environ.get('OMP_WAIT_POLICY', 'not set'))"
    )

    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=BARE)

    assert told.stdout.strip() == "PASSIVE"


def test_code_that_loads_lightgbm_makes_it_wait_passively_first() -> None:
    texts = {
        str(file.relative_to(ROOT)): file.read_text()
        for part in ("app", "flows")
        for file in (ROOT / part).rglob("*.py")
    }
    loads = {name: text for name, text in texts.items() if "import lightgbm" in text}

    careless = [name for name, text in loads.items() if not any(way in text for way in WAYS)]

    assert loads
    assert careless == []
