"""Names of columns as a Delta table can hold them; the original name stands in the field's metadata."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
ORIGINAL = "trainmaster.name"


def stored_names(names: Sequence[str]) -> list[str]:
    """A name of letters, digits and `_` for each column; safe names stay, unless two differ only in case.

    >>> stored_names(["dest", "sepal length (cm)"])
    ['dest', 'sepal_length_cm_ad5c5394']
    """
    folded = Counter(name.lower() for name in names)
    return [name if SAFE.fullmatch(name) and folded[name.lower()] == 1 else _replaced(name) for name in names]


def _replaced(name: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()[:60] or "column"
    start = words if not words[0].isdigit() else f"c_{words}"
    return f"{start}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
