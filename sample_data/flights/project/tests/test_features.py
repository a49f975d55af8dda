"""Tests of the feature code; run them with `python -m pytest projects/flight-delay`."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

features = SimpleNamespace(**runpy.run_path(str(Path(__file__).resolve().parents[1] / "features.py")))

FLIGHTS = pd.DataFrame(
    {
        "year": [2013, 2013],
        "month": [1, 1],
        "day": [1, 1],
        "dep_time": [517, 2359],
        "sched_dep_time": [515, 2359],
        "dep_delay": [2, 0],
        "arr_time": [830, 439],
        "sched_arr_time": [819, 437],
        "arr_delay": [11, 30],
        "carrier": ["UA", "B6"],
        "flight": [1545, 725],
        "tailnum": ["N14228", "N571JB"],
        "origin": ["EWR", "JFK"],
        "dest": ["IAH", "BQN"],
        "air_time": [227, 189],
        "distance": [1400, 1576],
        "hour": [5, 23],
        "minute": [15, 59],
        "time_hour": ["2013-01-01T10:00:00Z", "2013-01-02T04:00:00Z"],
    }
)
KNOWN_LATER = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def test_a_flight_has_a_stable_id_and_its_scheduled_time_in_utc() -> None:
    table = features.timetable(FLIGHTS)

    assert table["flight_id"].tolist() == ["20130101-UA1545-EWR-0515", "20130101-B6725-JFK-2359"]
    assert table["scheduled_at"].tolist() == [
        pd.Timestamp("2013-01-01T10:15Z"),
        pd.Timestamp("2013-01-02T04:59Z"),
    ]


def test_thirty_minutes_late_is_late_and_known_only_after_landing() -> None:
    departures = features.departures(features.timetable(FLIGHTS))

    assert departures["late"].tolist() == [0, 1]
    assert departures["landed_at"].tolist() == [
        pd.Timestamp("2013-01-01T15:04Z"),
        pd.Timestamp("2013-01-02T09:08Z"),
    ]


def test_a_flight_counts_for_others_only_after_it_has_landed() -> None:
    timetable = features.timetable(FLIGHTS)

    arrivals = features.arrivals(features.departures(timetable), timetable)

    assert (arrivals["landed_at"] > timetable["scheduled_at"]).all()
    assert arrivals["was_late"].tolist() == [0, 1]
    assert arrivals["arrival_delay"].tolist() == [11, 30]


def test_the_schedule_knows_nothing_that_is_known_only_after_departure() -> None:
    changed = FLIGHTS.assign(**dict.fromkeys(KNOWN_LATER, 0))

    schedule = features.schedule(features.timetable(FLIGHTS))

    assert not KNOWN_LATER & set(schedule.columns)
    assert schedule.equals(features.schedule(features.timetable(changed)))


def test_the_planned_time_of_a_night_flight_is_positive() -> None:
    schedule = features.schedule(features.timetable(FLIGHTS))

    assert schedule["planned_minutes"].tolist() == [184, 278]


def test_an_observation_is_known_only_when_its_hour_is_over() -> None:
    columns = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    weather = pd.DataFrame(
        {"origin": ["EWR"], "time_hour": ["2013-01-01T06:00:00Z"], **{key: [1.0] for key in columns}}
    )

    observed = features.weather_at_origin(weather)

    assert observed["known_at"].tolist() == [pd.Timestamp("2013-01-01T07:00Z")]
