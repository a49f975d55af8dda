"""What runs in the child of a search: trial after trial, on rows that are prepared once; a line of JSON for each word.

It ends with its parent: a kill of the search takes the trial that runs with it.
"""

import os
import time


def main(descriptor: int) -> None:
    """Hear the job, then a candidate a message; say points and outcomes."""
    from app.learning.apart.inside import bound_memory, line_of

    parent = os.getppid()
    line = line_of(descriptor)
    job = line.hear()
    if job is None:
        return
    from app.domain.errors import TrainmasterError
    from app.learning.openmp import wait_passively
    from app.learning.search.laid import material_of
    from app.learning.search.study import Candidate
    from app.learning.search.trial import run_trial

    wait_passively()
    material = material_of(job["header"], line.files[0], job["threads"])
    bound_memory(job["memory_bytes"])

    def tell(kind: str, **words: object) -> None:
        line.say({"kind": kind, **words})

    def report(share: float, value: float) -> bool:
        tell("point", share=share, value=value if value - value == 0 else None)
        answer = line.hear()
        if answer is None or os.getppid() != parent:
            os._exit(1)  # the parent is gone
        return bool(answer == "go")

    tell("ready")
    while (wish := line.hear()) is not None:
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
