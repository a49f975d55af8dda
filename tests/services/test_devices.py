"""A fit that runs out of memory is tried once more, and the run says so."""

import pytest

from app.domain.errors import BadInput
from app.domain.project import Learner
from app.learning import device
from app.learning.device import Chosen
from app.services import devices
from app.services.devices import on_device
from app.services.running import running
from app.services.workspaces import OpenProject
from app.store.engine import Store
from tests.services.test_running import only_run, project

__all__ = ["project"]


def parameters(store: Store) -> dict[str, str]:
    return {row["key"]: row["value"] for row in store.reader.rows("SELECT key, value FROM parameter")}


def test_a_gpu_that_runs_out_of_memory_gives_way_to_the_cpu_and_the_run_says_so(
    store: Store, project: OpenProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "choose", lambda *_, **__: Chosen("cuda", "auto", False, "a tiny fit took 1.0 s"))
    tried = []

    def fit(learner: Learner) -> str:
        tried.append(learner.device)
        if learner.device == "cuda":
            raise BadInput("LightGBM: [CUDA] out of memory")
        return "trees"

    with running(store, project, "train", stages=0) as run:
        assert on_device(run, Learner(), fit) == "trees"

    assert tried == ["cuda", "cpu"]
    assert only_run(store).device == "cpu"
    assert "out of memory on cuda" in parameters(store)["device.retry"]


def test_memory_of_this_machine_is_saved_once_and_then_the_error_counts(store: Store, project: OpenProject) -> None:
    tried = []

    def fit(learner: Learner) -> str:
        tried.append(learner.parameters.get("histogram_pool_size"))
        raise MemoryError

    with pytest.raises(MemoryError), running(store, project, "train", stages=0) as run:
        on_device(run, Learner(device="cpu"), fit)

    assert tried == [None, devices.POOL_MB]


def test_other_errors_are_not_tried_again(store: Store, project: OpenProject) -> None:
    def fit(learner: Learner) -> str:
        raise BadInput("LightGBM: bad parameter")

    with pytest.raises(BadInput, match="bad parameter"), running(store, project, "train", stages=0) as run:
        on_device(run, Learner(device="cpu"), fit)
