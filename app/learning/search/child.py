"""What runs in the child of a search: trial after trial, on rows that are prepared once; a line of JSON for each word.

It ends with its parent: a kill of the search takes the trial that runs with it.
"""

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def main() -> None:
    """Read the job from stdin, then a candidate a line; write points and outcomes to the stdout that was opened."""
    parent = os.getppid()
    _die_with_parent()
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints does not mix with the answers
    job = json.loads(sys.stdin.readline())
    from app.domain.errors import TrainmasterError
    from app.learning.openmp import wait_passively
    from app.learning.search.laid import material_of
    from app.learning.search.study import Candidate
    from app.learning.search.trial import run_trial

    wait_passively()
    material = material_of(job["header"], job["descriptor"], job["threads"])
    _bound_memory(job["memory_bytes"])

    def tell(kind: str, **words: object) -> None:
        said.write(json.dumps({"kind": kind, **words}) + "\n")
        said.flush()

    def report(share: float, value: float) -> bool:
        tell("point", share=share, value=value if value - value == 0 else None)
        answer = sys.stdin.readline()
        if not answer or os.getppid() != parent:
            os._exit(1)  # the parent is gone
        return answer.strip() == "go"

    tell("ready")
    for line in sys.stdin:
        wish = json.loads(line)
        begun = time.monotonic()
        try:
            outcome = run_trial(material, Candidate(**wish), report)
        except MemoryError:
            tell("failed", says="more memory than a trial may use", seconds=time.monotonic() - begun, again=True)
            return  # what it holds is given back by the end of the process
        except TrainmasterError as error:
            tell("failed", says=error.message, seconds=time.monotonic() - begun)
        except Exception as error:
            tell("failed", says=f"{type(error).__name__}: {error}"[:500], seconds=time.monotonic() - begun)
        else:
            tell(
                "done",
                values=list(outcome.values),
                rounds=outcome.rounds,
                curve=[list(point) for point in outcome.curve],
                pruned=outcome.pruned,
                seconds=time.monotonic() - begun,
            )


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


def _bound_memory(more_bytes: int | None) -> None:
    """Let the data of this process grow by so many bytes from here on, where the system can hold it to that."""
    if more_bytes is None or sys.platform != "linux":
        return
    import resource

    now = _status()["VmData"]
    resource.setrlimit(resource.RLIMIT_DATA, (now + more_bytes, now + more_bytes))


def _status() -> Mapping[str, int]:
    found: dict[str, int] = {}
    with open("/proc/self/status") as file:
        for line in file:
            name, _, rest = line.partition(":")
            words: Any = rest.split()
            if len(words) == 2 and words[1] == "kB":
                found[name] = int(words[0]) * 1024
    return found


if __name__ == "__main__":
    main()
