"""After the switch: the running gateway is asked for the stored sample, and must give the stored bytes."""

import time
from dataclasses import dataclass

from app.domain.errors import TrainmasterError, Unavailable
from app.domain.project import canonical_json
from app.domain.workspace import Workspace
from app.services.registry.packages import read_package
from app.services.serving import ask
from app.store.engine import Store

WAIT_S = 5.0
LOOK_S = 0.05


@dataclass(frozen=True)
class Confirmed:
    """What the gateway answered after a switch; `equal` is None when it is not up or has not followed in time."""

    equal: bool | None
    says: str
    seconds: float


def confirm(store: Store, workspace: Workspace, project: str, version: int, *, wait_s: float = WAIT_S) -> Confirmed:
    """Ask the gateway for a version's stored sample until that version answers, and compare the bytes of the answers.

    Raises NotFound or Damaged for the version; a gateway that is down is an answer, no error.
    """
    begun = time.monotonic()
    _, package = read_package(store, project, version)
    records, stored = package.canary["inputs"], canonical_json(package.canary["predictions"])
    while True:
        try:
            answer = ask(workspace, project, records)
        except Unavailable as error:
            return Confirmed(None, f"not asked: {error.message}", time.monotonic() - begun)
        except TrainmasterError as error:
            return Confirmed(False, error.message, time.monotonic() - begun)
        if str(answer.get("version")) == str(version):
            equal = canonical_json(answer.get("predictions")) == stored
            words = "byte for byte the stored" if equal else "NOT the stored"
            says = f"v{version} answers: {len(records)} answers, {words} ones"
            return Confirmed(equal, says, time.monotonic() - begun)
        if time.monotonic() - begun > wait_s:
            return Confirmed(None, f"v{answer.get('version')} still answers after {wait_s:g} s", wait_s)
        time.sleep(LOOK_S)


__all__ = ["Confirmed", "confirm"]
