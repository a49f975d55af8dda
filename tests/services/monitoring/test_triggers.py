"""What else may start a retrain: a drift past its threshold, and an estimate of quality before any label."""

from pathlib import Path

import pytest

from app.domain.workspace import Workspace
from app.services.monitoring import emit_waiting
from app.store.engine import Store
from app.store.queries.feedback import verdicts
from tests.monthly import PROJECT, PROJECT_TOML, Month, arrive


@pytest.mark.parametrize(
    ("signal", "month"),
    [
        ("psi.x", Month(4, shift=2.0)),
        ("estimated.auc", Month(4, width=0.05, labelled=False)),
    ],
)
def test_the_signal_that_the_project_names_starts_one_retrain_that_knows_its_cause(
    quarter: Workspace, quarter_store: Store, signal: str, month: Month
) -> None:
    file: Path = quarter.project_folder(PROJECT) / "project.toml"
    file.write_text(PROJECT_TOML.replace('retrain_on = ["auc"]', f'retrain_on = ["{signal}"]'))
    sent: list[tuple[str, dict[str, object]]] = []

    found = arrive(quarter, month)
    emit_waiting(
        quarter_store, quarter, emit=lambda _w, event, _r, payload, *, key="": sent.append((event, dict(payload)))
    )

    assert signal in found["breached"]
    (yes,) = verdicts(quarter_store.reader, yes_only=True)
    assert yes.trigger == "alert"
    assert yes.reason.startswith(f"{signal} is past its limit")
    ((event, payload),) = sent
    assert event == "trainmaster.retrain.wanted"
    assert (payload["cause"], payload["cause_key"], payload["decision"]) == ("alert", yes.alert, yes.key)
