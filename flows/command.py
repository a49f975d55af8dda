"""The command line that every flow module has: parameters in, progress on stderr, a summary on stdout."""

import argparse
import json
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from app.domain.errors import TrainmasterError, Usage
from app.domain.states import CauseKind
from app.domain.text import visible
from app.services.running import RunContext, first_line
from app.store.reader import Reader, Row
from flows.harness import TrainmasterFlow, execute

POLL_S = 0.5
REPEAT_S = 5.0


def run_command(made: TrainmasterFlow, arguments: Sequence[str]) -> int:
    """Run a flow from command-line arguments and give the exit code (0 done, 1 refused or failed, 2 usage, 130)."""
    chosen = _parser(made).parse_args(arguments)
    try:
        parameters = _parameters(chosen.parameters, chosen.set)
        summary = _run(made, chosen, parameters)
    except TrainmasterError as error:
        _say_error(error, as_json=chosen.json)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except BaseException as failure:  # SystemExit of a library, too, is one message
        sys.stderr.write("".join(f"{_plain(line)}\n" for line in traceback.format_exc().splitlines()))
        _say_error(TrainmasterError(first_line(failure), next_step="trainmaster runs ls"), as_json=chosen.json)
        return 1
    if chosen.json:
        sys.stdout.write(json.dumps(summary, default=str) + "\n")
    else:
        sys.stdout.write("".join(f"{key}  {_plain(value)}\n" for key, value in summary.items()))
    return 0


def _run(made: TrainmasterFlow, chosen: argparse.Namespace, parameters: dict[str, object]) -> dict[str, object]:
    wanted = {
        "project": chosen.project,
        "run": chosen.run,
        "cause": chosen.cause,
        "cause_key": chosen.cause_key,
        "parameters": parameters,
        "workspace": chosen.workspace,
    }
    if os.environ.get("PREFECT_API_URL"):
        return dict(made.prefect(**wanted) or {})
    with reporting(sys.stderr, quiet=chosen.quiet) as report:
        summary = execute(made, **wanted, on_begin=report.follow)
        return {"run": report.key, "flow": made.name, "project": chosen.project, **summary}


def _parser(made: TrainmasterFlow) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m flows.{made.name}",
        description=(made.body.__doc__ or "").strip() or None,
        epilog="With PREFECT_API_URL set, the same runs as a flow run of that Prefect server.",
    )
    parser.add_argument("--project", required=True, help="the project's name")
    parser.add_argument(
        "--workspace", help="the workspace's folder (else TRAINMASTER_WORKSPACE, else upward from here)"
    )
    parser.add_argument("--run", help="the key of a requested run to execute")
    parser.add_argument("--cause", choices=[str(kind) for kind in CauseKind])
    parser.add_argument("--cause-key", help="which alert, run or file caused it")
    parser.add_argument("--parameters", default="{}", help="parameters as a JSON object")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one parameter (JSON or text)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _parameters(document: str, pairs: Sequence[str]) -> dict[str, object]:
    try:
        parameters = json.loads(document)
    except ValueError as error:
        raise Usage(f"--parameters is not JSON: {error}", next_step="--parameters '{\"rounds\": 10}'") from None
    if not isinstance(parameters, dict):
        raise Usage("--parameters is not a JSON object", next_step="--parameters '{\"rounds\": 10}'")
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Usage(f"--set {pair!r} has no value", next_step="--set rounds=10")
        try:
            parameters[key] = json.loads(value)
        except ValueError:
            parameters[key] = value
    return parameters


def _plain(value: object) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value, default=str), longest=4000)


def _say_error(error: TrainmasterError, *, as_json: bool) -> None:
    if as_json:
        document = {"error": error.message, "where": error.where, "next_step": error.next_step}
        sys.stdout.write(json.dumps(document) + "\n")
    sys.stderr.write("\n".join(_plain(line) for line in f"error: {error}".split("\n")) + "\n")


class Report:
    """Follows a run by its rows and writes a line when something moved."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self.key = ""
        self._stream = stream
        self._quiet = quiet
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._run: RunContext | None = None
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._said = ""
        self._quiet_s = 0.0

    def follow(self, run: RunContext) -> None:
        """Begin to report on a run."""
        self.key, self._run = run.key, run
        if self._quiet:
            return
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say the last news and end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _watch(self) -> None:
        assert self._run is not None
        reader = Reader.of_url(self._run.store.url)
        try:
            while not self._stop.wait(POLL_S):
                self._look(reader)
            self._look(reader)
        finally:
            reader.close()

    def _look(self, reader: Reader) -> None:
        assert self._run is not None
        rows = reader.rows(TASKS, {"run_id": self._run.run_id})
        for row in rows:
            if row["state"] != "running" and row["id"] not in self._ended:
                self._ended.add(row["id"])
                self._line(_ended_line(row, self._run.stages))
        current = next((row for row in reversed(rows) if row["state"] == "running"), None)
        self._quiet_s += POLL_S
        if current is not None:
            line = _running_line(current, self._run.stages)
            is_new = current["id"] not in self._begun
            if line != self._said and (is_new or self._stream.isatty() or self._quiet_s >= REPEAT_S):
                self._begun.add(current["id"])
                self._said = line
                self._line(line, passing=True)

    def _line(self, line: str, *, passing: bool = False) -> None:
        self._quiet_s = 0.0
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{line}" + ("" if passing else "\n"))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


TASKS = """
SELECT id, name, ordinal, state, share, eta_s, says, duration_s, error FROM task WHERE run_id = :run_id ORDER BY id
"""


def _ended_line(row: Row, stages: int) -> str:
    says = row["error"] or row["says"]
    took = f" in {row['duration_s']:.1f} s" if row["duration_s"] is not None else ""
    return _plain(
        f"[{row['ordinal'] + 1}/{stages}] {row['name']}: {row['state']}{took}" + (f" · {says}" if says else "")
    )


def _running_line(row: Row, stages: int) -> str:
    share = f" {row['share']:.0%}" if row["share"] is not None else ""
    left = f" · {row['eta_s']:.0f} s left" if row["eta_s"] is not None else ""
    return _plain(
        f"[{row['ordinal'] + 1}/{stages}] {row['name']}{share}{left}" + (f" · {row['says']}" if row["says"] else "")
    )


@contextmanager
def reporting(stream: TextIO, *, quiet: bool = False) -> Iterator[Report]:
    """A report of the run that it is told to follow, on a stream."""
    report = Report(stream, quiet=quiet)
    try:
        yield report
    finally:
        report.stop()
