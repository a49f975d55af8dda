"""Packages: nothing is parsed before its digest holds, and a child proves the rest."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from app.domain.errors import Damaged
from app.domain.problem import Task
from app.domain.project import Learner
from app.learning.learners import fit
from app.learning.loader import LoadedModel, check_in_child
from app.learning.native import Trees
from app.learning.package import Package, make_package
from app.learning.signature import Feature, Signature

SIGNATURE = Signature(
    Task.BINARY, "y", (Feature("n", "number"), Feature("c", "category", categories=("a", "b"))), ("0", "1")
)
RECORDS: list[dict[str, object]] = [{"n": 0.5, "c": "a"}, {"n": None, "c": "b"}, {"n": -1, "c": "unseen"}]
KEYS = ("features", "configuration", "environment", "commit", "windows", "metrics", "slices", "rows", "seed")
EMPTY: dict[str, dict[str, object]] = {key: {} for key in KEYS}


@pytest.fixture(scope="module")
def package() -> Package:
    """A small model with its true answers."""
    generator = np.random.default_rng(1)
    rows = np.asfortranarray(np.column_stack([generator.normal(size=400), generator.integers(0, 2, 400)]))
    text = fit(
        Task.BINARY,
        rows,
        (rows[:, 0] + rows[:, 1] > 0.5).astype(float),
        learner=Learner(rounds=5),
        categories=[1],
        classes=2,
        threads=1,
    ).content
    facts = {"signature": SIGNATURE.as_json(), **EMPTY}
    draft = make_package(model=text, inputs=RECORDS, predictions=[0.0], facts=facts)
    return make_package(model=text, inputs=RECORDS, predictions=LoadedModel(draft).predict(RECORDS), facts=facts)


def test_a_child_gives_the_stored_answers_exactly(package: Package) -> None:
    verdict = check_in_child(package)

    assert verdict.ok
    assert verdict.rows == len(RECORDS)
    assert verdict.seconds < 2


def test_a_package_survives_its_stored_form(package: Package) -> None:
    again = Package.of_bytes(package.manifest_bytes, package.model, package.canary_bytes)

    again.verify()

    assert LoadedModel(again).predict(RECORDS) == package.canary["predictions"]


def test_answers_that_differ_by_a_billionth_fail(package: Package) -> None:
    wrong = [float(x) + 1e-9 for x in package.canary["predictions"]]
    facts = {"signature": SIGNATURE.as_json(), **EMPTY}

    verdict = check_in_child(make_package(model=package.model, inputs=RECORDS, predictions=list(wrong), facts=facts))

    assert not verdict.ok
    assert "differ" in verdict.says


@pytest.mark.parametrize("damage", ["truncated", "flipped", "swapped", "pickle", "empty"])
def test_damaged_bytes_never_reach_a_parser(package: Package, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = {
        "truncated": package.model[: len(package.model) // 2],
        "flipped": package.model[:300] + bytes([package.model[300] ^ 1]) + package.model[301:],
        "swapped": package.model.replace(b"num_leaves=", b"num_leaves =", 1),
        "pickle": b"\x80\x04\x95cposix\nsystem\n",
        "empty": b"",
    }[damage]
    parsed: list[bytes] = []
    monkeypatch.setattr(Trees, "__init__", lambda self, text, **_: parsed.append(text))
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: parsed.append(b"child"))
    broken = replace(package, model=model)

    for act in (lambda: LoadedModel(broken), lambda: check_in_child(broken)):
        with pytest.raises(Damaged):
            act()

    assert parsed == []


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, json.dumps({"format": "pickle"}).encode()]
)
def test_a_manifest_that_is_none_is_damaged(package: Package, manifest: bytes) -> None:
    with pytest.raises(Damaged):
        Package.of_bytes(manifest, package.model, package.canary_bytes).verify()


def test_a_model_that_crashes_its_child_gives_a_verdict_and_leaves_us_alive(package: Package) -> None:
    text = package.model[: len(package.model) // 2]  # a digest of damaged text that somebody has signed
    facts = {"signature": SIGNATURE.as_json(), **EMPTY}

    verdict = check_in_child(make_package(model=text, inputs=RECORDS, predictions=[0.0, 0.0, 0.0], facts=facts), 5.0)

    assert not verdict.ok
    assert verdict.says


def test_records_and_frames_and_lists_of_one_are_answered_alike(package: Package) -> None:
    import pandas as pd

    model = LoadedModel(package)

    by_record = [model.predict([record])[0] for record in RECORDS]

    assert by_record == model.predict(RECORDS) == model.predict(pd.DataFrame(RECORDS))
    assert model.predict([]) == []
