"""Feast's get_historical_features on its DuckDB store: flights against hourly weather; runs in Feast's environment.

Prints {seconds (best of three), peak_bytes over the process before, rows, values} as JSON.
"""

import json
import os
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd

os.environ["FEAST_USAGE"] = "False"

SETTINGS = """
project: bench
provider: local
registry: {folder}/registry.db
offline_store:
  type: duckdb
online_store:
  type: sqlite
  path: {folder}/online.db
entity_key_serialization_version: 3
"""


def main(spine_file: str, view_file: str, folder: str) -> None:
    """Apply one view, then ask for the history of every flight."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64

    (Path(folder) / "feature_store.yaml").write_text(SETTINGS.format(folder=folder))
    names = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    airport = Entity(name="airport", join_keys=["origin"], value_type=ValueType.STRING)
    source = FileSource(path=view_file, timestamp_field="known_at")
    view = FeatureView(
        name="weather",
        entities=[airport],
        ttl=timedelta(hours=6),
        schema=[Field(name=name, dtype=Float64) for name in names],
        source=source,
    )
    store = FeatureStore(repo_path=folder)
    store.apply([airport, view])
    seconds, rows, values = [], 0, 0
    for _ in range(3):
        begun = time.perf_counter()
        spine = pd.read_parquet(spine_file).rename(columns={"scheduled_at": "event_timestamp"})
        found = store.get_historical_features(entity_df=spine, features=[f"weather:{name}" for name in names]).to_df()
        seconds.append(time.perf_counter() - begun)
        rows, values = len(found), int(found["pressure"].notna().sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": min(seconds), "peak_bytes": peak, "rows": rows, "values": values}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
