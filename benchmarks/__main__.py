"""`python -m benchmarks [NAME ...]`: every module in its own process; exit 1 when a bar is missed."""

import argparse
import importlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import Result

FOLDER = Path(__file__).parent
MARK = "benchmark-result "


def modules(wanted: list[str]) -> list[str]:
    """The names of the benchmark modules, or those that begin as wanted."""
    names = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))
    return [name for name in names if not wanted or any(name.startswith(start) for start in wanted)]


def measured(name: str) -> list[Result]:
    """The results of one module, run in a process of its own; a module that fails is a missed bar."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--one", name], stdout=subprocess.PIPE, text=True, check=False
    )
    results = [
        Result(**json.loads(line.removeprefix(MARK))) for line in told.stdout.splitlines() if line.startswith(MARK)
    ]
    if told.returncode != 0:
        results.append(Result(f"{name} failed", told.returncode, "exit code", "0", False))
    return results


def main() -> int:
    """Run, print the table, and give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help="modules, or beginnings of their names; default: all")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    arguments = parser.parse_args()
    if arguments.one:
        for result in importlib.import_module(f"benchmarks.{arguments.one}").run():
            print(MARK + json.dumps(asdict(result)), flush=True)
        return 0
    results = [(name, result) for name in modules(arguments.names) for result in measured(name)]
    if arguments.json:
        print(json.dumps([{"module": name, **asdict(result)} for name, result in results], indent=2))
    else:
        print_table(results)
    return 1 if any(result.met is False for _, result in results) else 0


def _bar(bar: float | str | None) -> str:
    return "" if bar is None else bar if isinstance(bar, str) else f"<= {bar:g}"


def print_table(results: list[tuple[str, Result]]) -> None:
    """Print aligned columns."""
    words = {True: "met", False: "MISSED", None: ""}
    rows = [("MODULE", "WHAT", "VALUE", "UNIT", "BAR", "")]
    rows += [
        (name, r.name, f"{r.value:,.3g}" if r.value < 1000 else f"{r.value:,.0f}", r.unit, _bar(r.bar), words[r.met])
        for name, r in results
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(6)]
    for row in rows:
        cells = [
            cell.rjust(width) if at == 2 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


if __name__ == "__main__":
    sys.exit(main())
