"""A sample request: a stored record of the version in production, asked of the running gateway."""

from dataclasses import dataclass

from app.domain.errors import Refused
from app.domain.workspace import Workspace
from app.services import serving
from app.services.predictions.versions import production_of
from app.services.registry.packages import find_project, read_package
from app.store.engine import Store

EXACT = 1e-12


@dataclass(frozen=True)
class SampleAnswer:
    """What the gateway answered for a stored record, next to the answer that was stored with the version."""

    project: str
    version: int
    answered: object
    stored: object
    request_id: str

    @property
    def says(self) -> str:
        """What happened, in one line."""
        return f"{self.project} v{self.version} answers {self.answered}, as stored with it"


def ask_sample(store: Store, workspace: Workspace, project: str) -> SampleAnswer:
    """Ask the gateway for the first stored record of the version in production.

    Errors: NotFound without production version, Unavailable without gateway, Refused for another answer than the stored
    one by the same version.
    """
    with store.read() as session:
        production = production_of(session, find_project(session, project).id or 0, project)
    _, package = read_package(store, production.model, production.version)
    record, stored = package.canary["inputs"][0], package.canary["predictions"][0]
    told = serving.ask(workspace, project, [record])
    predictions = told["predictions"]
    assert isinstance(predictions, list)
    answered = predictions[0]
    if told["version"] == production.version and not _same(answered, stored):
        raise Refused(
            f"v{production.version} answers {answered} where {stored} is stored", next_step="trainmaster store fsck"
        )
    return SampleAnswer(project, int(str(told["version"])), answered, stored, str(told["request_id"]))


def _same(one: object, other: object) -> bool:
    left, right = (value if isinstance(value, list) else [value] for value in (one, other))
    return len(left) == len(right) and all(abs(a - b) <= EXACT for a, b in zip(left, right, strict=True))


__all__ = ["SampleAnswer", "ask_sample"]
