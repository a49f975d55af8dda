"""CPU or GPU: proved, recorded, by policy, never silently."""

from collections.abc import Callable

import pytest

from app.domain.errors import Unavailable
from app.learning import device
from app.learning.device import Probe, choose, probe


def probing(*good: str) -> Callable[[str], Probe]:
    """A probe that knows which devices work here."""
    return lambda name: Probe(name, name in good, "a tiny fit took 1.0 s" if name in good else "No OpenCL device", 1.0)


def test_without_a_gpu_auto_is_the_cpu_and_nothing_is_tried() -> None:
    def never(name: str) -> Probe:
        raise AssertionError(name)

    assert choose("auto", "fall-back", has_gpu=False, probing=never).device == "cpu"


def test_auto_takes_the_first_device_that_proves_itself() -> None:
    assert choose("auto", "fall-back", has_gpu=True, probing=probing("gpu")).device == "gpu"
    assert choose("auto", "fall-back", has_gpu=True, probing=probing("gpu", "cuda")).device == "cuda"


def test_a_gpu_that_does_not_answer_falls_back_and_says_why() -> None:
    chosen = choose("gpu", "fall-back", has_gpu=True, probing=probing())

    assert (chosen.device, chosen.fell_back, chosen.says) == ("cpu", True, "gpu: No OpenCL device")


def test_or_fails_when_the_policy_says_so() -> None:
    with pytest.raises(Unavailable, match="No OpenCL device"):
        choose("cuda", "fail", has_gpu=True, probing=probing())


def test_a_learner_that_knows_no_gpu_stays_on_the_cpu() -> None:
    assert choose("gpu", "fall-back", has_gpu=True, probing=probing("gpu"), learner="forest").device == "cpu"


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import os; os.abort()", "signal 6"),
        ("import time; time.sleep(60)", "no answer within"),
        ("raise RuntimeError('broken driver')", "broken driver"),
        ("print('{')", "no reason given"),
    ],
)
def test_a_probe_that_crashes_hangs_or_lies_is_an_answer(
    monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    monkeypatch.setattr(device, "PROBE", script)

    found = probe("gpu", timeout_s=2.0)

    assert not found.ok
    assert says in found.says
