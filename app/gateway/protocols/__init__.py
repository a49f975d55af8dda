"""How a request is read and an answer is written: ours, the Open Inference Protocol v2, and MLflow's scoring server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.gateway.models import Served

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Asked:
    """The records of a request, in the model's own fields, and the client's own id for it.

    A request by entity has none until its `entities` were looked up; `says` is what its answer adds of them.
    """

    records: Sequence[Record]
    id: str | None = None
    entities: Sequence[Record] = ()
    says: Mapping[str, object] = field(default_factory=dict)
    explain: bool = False


@dataclass(frozen=True)
class Protocol:
    """One way to ask: which bodies it takes, how it reads them, and what its answers look like."""

    media: tuple[str, ...]
    read: Callable[[bytes, Mapping[str, str], Served], Asked]
    write: Callable[[Served, Asked, Sequence[Any], str], dict[str, object]]
    malformed: int = 400
    """The status of a body that is understood and wrong."""


__all__ = ["Asked", "Protocol", "Record"]
