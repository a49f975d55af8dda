"""Features: views built from snapshots, published as versions, and read back as one training frame."""

from app.services.features.building import FeatureSetBuilt, build, load_rules
from app.services.features.materializing import Materialized, OnlineRows, materialize
from app.services.features.online import EntityRow, ModelRows, OnlineReader, entity_of, open_online
from app.services.features.reading import (
    FeatureColumn,
    FeatureSetInfo,
    TrainingFrame,
    Window,
    feature_sets,
    newest_feature_set,
    training_frame,
)
from app.services.features.skew import Difference, Skew, check_skew, verify_skew

__all__ = [
    "Difference",
    "EntityRow",
    "FeatureColumn",
    "FeatureSetBuilt",
    "FeatureSetInfo",
    "Materialized",
    "ModelRows",
    "OnlineReader",
    "OnlineRows",
    "Skew",
    "TrainingFrame",
    "Window",
    "build",
    "check_skew",
    "entity_of",
    "feature_sets",
    "load_rules",
    "materialize",
    "newest_feature_set",
    "open_online",
    "training_frame",
    "verify_skew",
]
