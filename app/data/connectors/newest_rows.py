"""Which rows of the newest watermark were taken: more of them may come late, and none may come twice."""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

from app.data.connectors.columns import plain_value

DIGEST_BYTES = 9
WIDTH = DIGEST_BYTES * 4 // 3
MOST_ROWS = 100_000
"""Of a value that more rows share no digests are kept: rows that come late are not looked for then."""


def told(rows: Sequence[tuple[Any, ...]], key: Sequence[int]) -> str | None:
    """The digests of rows (of their key alone, by its positions, where there is one); None for too many.

    >>> told([(1, "a")], []) == told([(1, "a")], []), len(told([(1, "a"), (2, "b")], []) or "")
    (True, 24)
    """
    return "".join(_digest(row, key) for row in rows) if len(rows) <= MOST_ROWS else None


def untaken(rows: Sequence[tuple[Any, ...]], key: Sequence[int], taken: str) -> list[tuple[Any, ...]]:
    """The rows that `taken` does not tell of; without a key, equal rows count as often as they are there.

    >>> taken = told([(1, "a"), (1, "a")], []) or ""
    >>> untaken([(1, "a"), (1, "b"), (1, "a"), (1, "a")], [], taken)
    [(1, 'b'), (1, 'a')]
    >>> untaken([(1, "changed"), (2, "b")], [0], told([(1, "a")], [0]) or "")
    [(2, 'b')]
    """
    left = Counter(taken[at : at + WIDTH] for at in range(0, len(taken), WIDTH))
    fresh = []
    for row in rows:
        digest = _digest(row, key)
        if not left[digest]:
            fresh.append(row)
        elif not key:
            left[digest] -= 1
    return fresh


def _digest(row: tuple[Any, ...], key: Sequence[int]) -> str:
    values = [plain_value(row[at]) for at in key] if key else [plain_value(value) for value in row]
    return base64.b64encode(hashlib.blake2b(repr(values).encode(), digest_size=DIGEST_BYTES).digest()).decode()
