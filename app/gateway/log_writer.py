"""`python -m app.gateway.log_writer FOLDER LIMITS`: the process that turns answers into parts of the prediction log.

Encoding in the gateway would hold the interpreter, and with it answers, for tens of milliseconds. Blocks (see `packed`)
arrive on standard input; a line `{"write": PART}` ends a part, and `{"part": ..., "written": ..., "lost": ...}` says on
standard output what became of it. When the input ends, because the gateway did, however it did, what has arrived is
written. A part that is sent again has its name again, so it replaces itself.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from app.domain.processes import prepare
from app.gateway.parts import REPEATED, Answered, prune, table, unpacked

NICER = 10
"""Answers come first; encoding still gets a tenth of a core that both want, some 40,000 rows a second."""
PRUNE_EVERY_S = 600.0
log = logging.getLogger(__name__)


def main() -> None:
    """Write until the input ends; signals are for the gateway, which then closes the input."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    prepare(os.environ)
    os.nice(NICER)
    limits = json.loads(sys.argv[2])
    write_all(Path(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer, **limits)


def write_all(
    folder: Path, blocks: BinaryIO, replies: BinaryIO, *, keep_days: float | None, keep_bytes: int | None
) -> None:
    """Write what blocks bring as `FOLDER/PROJECT/YYYY-MM-DD/PART`, and remove what is past its limits."""
    import pyarrow.parquet  # noqa: F401  loaded while nothing waits for it

    answers: list[Answered] = []
    part, pruned_at = "", float("-inf")
    while line := blocks.readline():
        if not line.endswith(b"\n"):
            break  # the gateway ended within it
        head = orjson.loads(line)
        if "write" not in head:
            part, more = head["part"], unpacked(head, blocks)
            if more is None:
                break
            answers += more
            continue
        lost = _write(folder, answers, head["write"])
        written = sum(answered.rows for answered in answers) - lost
        answers = []
        replies.write(orjson.dumps({"part": head["write"], "written": written, "lost": lost}) + b"\n")
        replies.flush()
        if time.monotonic() - pruned_at > PRUNE_EVERY_S:
            pruned_at = time.monotonic()
            try:
                prune(folder, now=datetime.now(UTC), keep_days=keep_days, keep_bytes=keep_bytes)
            except OSError:
                log.exception("the prediction log could not be pruned")
    if answers:
        _write(folder, answers, part)


def _write(folder: Path, answers: Sequence[Answered], part: str) -> int:
    """Write answers, a part for each project and day; gives the rows that could not be written."""
    groups: dict[tuple[str, str], list[Answered]] = {}
    for answered in answers:
        moment = datetime.fromtimestamp(answered.at, UTC)
        groups.setdefault((answered.deployment.project, f"{moment:%Y-%m-%d}"), []).append(answered)
    lost = 0
    for (project, day), group in groups.items():
        try:
            _write_part(folder / project / day, group, part)
        except Exception:
            rows = sum(answered.rows for answered in group)
            log.exception("%d predictions could not be logged", rows)
            lost += rows
    return lost


def _write_part(folder: Path, group: Sequence[Answered], part: str) -> None:
    """Write one part; it appears by a rename, so a reader never meets half a file."""
    import pyarrow.parquet

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = folder / f".{part}.half"
    # what repeats is kept once; the records differ, so looking for repeats among them would only cost time
    pyarrow.parquet.write_table(table(group), half, compression="zstd", use_dictionary=REPEATED)
    half.rename(folder / part)


if __name__ == "__main__":
    main()
