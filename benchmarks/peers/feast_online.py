"""Feast's online store on SQLite: materialize a Parquet file, then read 1 and 100 keys; runs in Feast's environment."""

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from statistics import median

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


def main(file: str, keys_file: str, folder: str, repeats: int) -> None:
    """Print {write_s, one_s, many_s} as JSON; the median of so many reads."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, String

    place = Path(folder)
    (place / "feature_store.yaml").write_text(SETTINGS.format(folder=folder))
    frame = pd.read_parquet(file)
    columns = [name for name in frame.columns if name not in ("flight_id", "at")]
    fields = [Field(name=name, dtype=Float64 if frame[name].dtype.kind == "f" else String) for name in columns]
    flight = Entity(name="flight", join_keys=["flight_id"], value_type=ValueType.STRING)
    source = FileSource(path=file, timestamp_field="at")
    view = FeatureView(name="schedule", entities=[flight], ttl=timedelta(days=100_000), schema=fields, source=source)
    store = FeatureStore(repo_path=folder)
    store.apply([flight, view])
    begun = time.perf_counter()
    store.materialize(frame["at"].min().to_pydatetime() - timedelta(days=1), frame["at"].max().to_pydatetime())
    write_s = time.perf_counter() - begun
    wanted = json.loads(Path(keys_file).read_text())
    features = [f"schedule:{name}" for name in columns]

    def read(keys: list[str]) -> float:
        begun = time.perf_counter()
        store.get_online_features(features=features, entity_rows=[{"flight_id": key} for key in keys]).to_dict()
        return time.perf_counter() - begun

    _require_values(store, features, wanted[:100], frame, columns)
    found = store.get_online_features(features=features, entity_rows=[{"flight_id": wanted[0]}]).to_dict()
    ones = [read([wanted[at % len(wanted)]]) for at in range(repeats)]
    many = [read(wanted[:100]) for _ in range(max(repeats // 4, 50))]
    print(
        json.dumps(
            {
                "write_s": write_s,
                "one_s": median(ones),
                "many_s": median(many),
                "example": {name: values[0] for name, values in found.items()},
            }
        )
    )


def _require_values(
    store: object, features: list[str], keys: list[str], frame: pd.DataFrame, columns: list[str]
) -> None:
    """Feast answers all keys with what the file holds: a fast answer without values would be no read."""
    found = store.get_online_features(features=features, entity_rows=[{"flight_id": key} for key in keys]).to_dict()
    stored = frame.set_index("flight_id").loc[found["flight_id"]]
    for name in columns:
        assert found[name] == stored[name].tolist(), name


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
