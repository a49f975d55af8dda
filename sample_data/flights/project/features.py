"""From raw flights, weather and planes to features: plain pandas, no import from Trainmaster.

A parameter's name is the source or the function that it reads. Only what stands in the schedule, or was observed
before the scheduled departure, may become a feature; `dep_time`, `dep_delay`, `arr_time` and `air_time` are known
later and serve the label alone.
"""

import pandas as pd

LATE_MINUTES = 30
TAXI = pd.Timedelta(hours=1)


def timetable(flights: pd.DataFrame) -> pd.DataFrame:
    """Every flight with a stable id and its scheduled departure in UTC (the source gives the hour in UTC)."""
    day = (flights["year"] * 10_000 + flights["month"] * 100 + flights["day"]).astype("string")
    number = flights["flight"].astype("string")
    clock = flights["sched_dep_time"].astype("string").str.zfill(4)
    return flights.assign(
        flight_id=day + "-" + flights["carrier"] + number + "-" + flights["origin"] + "-" + clock,
        scheduled_at=pd.to_datetime(flights["time_hour"], utc=True) + pd.to_timedelta(flights["minute"], unit="min"),
    )


def departures(timetable: pd.DataFrame) -> pd.DataFrame:
    """The labelled rows: one departure, and whether it arrived 30 minutes late or more.

    The answer counts as known at `landed_at`: departure, time in the air, and an hour for taxiing at both ends.
    """
    minutes = (timetable["dep_delay"] + timetable["air_time"]).astype("float64")
    return pd.DataFrame(
        {
            "flight_id": timetable["flight_id"],
            "origin": timetable["origin"],
            "destination": timetable["dest"],
            "airline": timetable["carrier"],
            "tailnum": timetable["tailnum"],
            "scheduled_at": timetable["scheduled_at"],
            "landed_at": timetable["scheduled_at"] + pd.to_timedelta(minutes, unit="min") + TAXI,
            "late": (timetable["arr_delay"] >= LATE_MINUTES).astype("int8"),
        }
    )


def arrivals(departures: pd.DataFrame, timetable: pd.DataFrame) -> pd.DataFrame:
    """What became known when a flight had landed: the facts of the views over history (see `[views]`).

    A flight never counts for itself: it is not known before `landed_at`, which is after it left.
    """
    return pd.DataFrame(
        {
            "origin": departures["origin"],
            "destination": departures["destination"],
            "airline": departures["airline"],
            "tailnum": departures["tailnum"],
            "landed_at": departures["landed_at"],
            "was_late": departures["late"],
            "arrival_delay": timetable["arr_delay"],
        }
    )


def schedule(timetable: pd.DataFrame) -> pd.DataFrame:
    """What the timetable says about a flight (local times, in minutes since midnight)."""
    departure = timetable["hour"] * 60 + timetable["minute"]
    arrival = timetable["sched_arr_time"] // 100 * 60 + timetable["sched_arr_time"] % 100
    local_day = pd.to_datetime(timetable[["year", "month", "day"]])
    return pd.DataFrame(
        {
            "flight_id": timetable["flight_id"],
            "carrier": timetable["carrier"],
            "airport": timetable["origin"],
            "dest": timetable["dest"],
            "distance": timetable["distance"],
            "departure_minute": departure,
            "arrival_minute": arrival,
            "planned_minutes": (arrival - departure) % 1440,
            "weekday": local_day.dt.day_of_week,
        }
    )


def weather_at_origin(weather: pd.DataFrame) -> pd.DataFrame:
    """Hourly observations at the airport; one counts as known when its hour is over, for the source rounds down."""
    observed_at = pd.to_datetime(weather["time_hour"], utc=True)
    wind = ["wind_dir", "wind_speed", "wind_gust"]
    return pd.DataFrame(
        {
            "origin": weather["origin"],
            "observed_at": observed_at,
            "known_at": observed_at + pd.Timedelta(hours=1),
            **{name: weather[name] for name in ("temp", "dewp", "humid", *wind, "precip", "pressure", "visib")},
        }
    )


def aircraft(planes: pd.DataFrame) -> pd.DataFrame:
    """What is known of an aircraft since it was built."""
    return pd.DataFrame(
        {
            "tailnum": planes["tailnum"],
            "built_year": planes["year"],
            "seats": planes["seats"],
            "engines": planes["engines"],
            "engine": planes["engine"],
            "manufacturer": planes["manufacturer"],
        }
    )
