"""A model ready for the fast lane: its answer's bytes are made in advance, but for the numbers and the request's id."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from app.gateway.models import Served
from app.gateway.protocols import Asked
from app.gateway.protocols.plain import PLAIN
from app.gateway.rows import RowReader, Scorer

if TYPE_CHECKING:
    from app.gateway.trials import Trial

MARK = "\u2400request-id\u2400"


class Wire:
    """The bytes of a version's answers to plain records."""

    def __init__(self, served: Served) -> None:
        whole = orjson.dumps(PLAIN.write(served, Asked(()), [], MARK))
        self.before, _, rest = whole.partition(b"[]")
        self.middle, _, self.after = rest.partition(MARK.encode())
        version = str(served.deployment.version).encode()
        self.head = b"content-type: application/json\r\nx-model-version: " + version + b"\r\n"

    def content(self, predictions: bytes, request_id: str) -> bytes:
        """The body of an answer with these predictions, a JSON list."""
        return b"".join((self.before, predictions, self.middle, request_id.encode(), self.after))


class Hot:
    """One version behind `/predict/{project}`; only the event loop may ask its scorer."""

    def __init__(self, served: Served, trial: "Trial | None" = None) -> None:
        self.served, self.trial = served, trial
        self.deployment = served.deployment
        self.reader, self.scorer, self.wire = RowReader(served.model.signature), Scorer(served.model), Wire(served)

    def beside(self, trial: "Trial | None") -> "Hot":
        """The same with another candidate beside it."""
        made = object.__new__(Hot)
        made.__dict__.update(self.__dict__, trial=trial)
        return made


def routes_of(
    current: Mapping[str, Served], trials: Mapping[str, "Trial"], before: Mapping[bytes, Hot]
) -> dict[bytes, Hot]:
    """The fast lane's paths; what has not changed is kept."""
    routes: dict[bytes, Hot] = {}
    for project, served in current.items():
        path, trial = f"/predict/{project}".encode(), trials.get(project)
        known = before.get(path)
        if known is None or known.served is not served:
            routes[path] = Hot(served, trial)
        else:
            routes[path] = known if known.trial is trial else known.beside(trial)
    return routes


__all__ = ["Hot", "Wire", "routes_of"]
