"""The process that rehearses the pipeline for a commit, and the stages that it goes through."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import Refused
from app.domain.text import visible
from app.services.ci.checkout import Checkout
from app.services.ci.sampling import write_sample
from app.services.running import RunContext, TaskContext

TIMEOUT_S = 900.0
POLL_S = 0.1


class Rehearsal:
    """A running rehearsal; each stage waits for its own line."""

    def __init__(self, process: "subprocess.Popen[str]", said: "tempfile._TemporaryFileWrapper[str]") -> None:
        self._process, self._said, self._begun = process, said, time.monotonic()

    def stage(self, task: TaskContext, name: str) -> None:
        """Wait until the stage has ended; raises Refused with what it said when it failed."""
        document = self._line_of(task, name)
        if not document["ok"]:
            raise Refused(
                str(document["says"]),
                next_step=str(document.get("next_step") or f"trainmaster runs logs {task.run.key}"),
            )
        with task.run.store.write() as session:
            task.complete(session, says=visible(str(document["says"]), longest=500))

    def _line_of(self, task: TaskContext, name: str) -> dict[str, object]:
        while True:
            ended = self._process.poll() is not None
            with open(self._said.name, encoding="utf-8", errors="backslashreplace") as stream:
                lines = [line for line in stream if line.endswith("\n")]
            for line in lines:
                if line.startswith("{") and (document := json.loads(line))["stage"] == name:
                    found: dict[str, object] = document
                    return found
            if ended:
                last = visible(lines[-1].strip(), longest=300) if lines else "it said nothing"
                raise Refused(
                    f"the rehearsal ended with code {self._process.returncode}: {last}",
                    next_step=f"trainmaster runs logs {task.run.key}",
                )
            if time.monotonic() - self._begun > TIMEOUT_S:
                raise Refused(f"the rehearsal took more than {TIMEOUT_S:.0f} s", next_step="trainmaster ci run")
            task.progress(0, 1, name)  # hears a request to cancel
            time.sleep(POLL_S)


@contextmanager
def rehearsing(run: RunContext, checkout: Checkout) -> Iterator[Rehearsal]:
    """Write the sample and start the rehearsal beside the caller; it never outlives the block."""
    rows = write_sample(run, checkout)
    run.log(f"a sample of {rows:,} rows")
    command = [sys.executable, "-m", "flows.rehearsal", str(checkout.workspace.root), run.project.name]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRAINMASTER_", "PREFECT_"))}
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as said, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=errors,
            text=True,
            env={**kept, "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,
        )
        try:
            yield Rehearsal(process, said)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, 15)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
            errors.seek(0)
            if trace := errors.read().strip():
                run.log(visible(trace[-20_000:]))


__all__ = ["Rehearsal", "rehearsing"]
