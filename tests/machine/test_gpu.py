"""NVML absent, partial or lying is a value, never a crash."""

import sys
from types import SimpleNamespace

import pytest

from app.machine import gpu
from app.machine.gpu import Gpu, read_gpus
from app.machine.sampler import TreeSampler, sample_machine


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_ready", None)


def driver(**functions: object) -> SimpleNamespace:
    """A driver that knows only some functions; the machine of the tests has none to be real."""

    def refuse(*_: object) -> object:
        raise RuntimeError("not supported")

    names = (
        "nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetUtilizationRates", "nvmlDeviceGetTemperature",
    )  # fmt: skip
    return SimpleNamespace(**dict.fromkeys(names, refuse) | functions)


def test_without_a_driver_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver())

    assert read_gpus() == ()
    assert read_gpus() == ()


def test_a_partial_driver_gives_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    known = driver(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda _: "handle",
        nvmlDeviceGetName=lambda _: b"NVIDIA H100",
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=37),
    )
    monkeypatch.setitem(sys.modules, "pynvml", known)

    assert read_gpus() == (Gpu(0, "NVIDIA H100", percent=37),)


def test_a_lying_driver_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    lying = driver(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: "handle" if index == 0 else None,
        nvmlDeviceGetName=lambda _: "\x1b[31mGPU",
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=4_294_967_295),
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=80 << 30, used=1 << 63),
        nvmlDeviceGetTemperature=lambda *_: -40,
    )
    monkeypatch.setitem(sys.modules, "pynvml", lying)

    first, second = read_gpus()

    assert (first.percent, first.memory_used_bytes, first.celsius) == (None, None, None)
    assert first.memory_total_bytes == 80 << 30
    assert second == Gpu(1, "unknown")


def test_the_machine_and_a_process_that_is_gone(tmp_path: object) -> None:
    from pathlib import Path

    sample = sample_machine(Path(str(tmp_path)))

    assert sample.memory_percent is not None
    assert 0 < sample.memory_percent <= 100
    assert sample.disk_percent is not None
    assert len(sample.cores_percent) >= 1
    assert TreeSampler(2**22 + 12345).read().rss_bytes == 0
