"""Features: views built from snapshots, published as versions, and read back as one training frame."""

from app.services.features.building import FeatureSetBuilt, build
from app.services.features.reading import (
    FeatureColumn,
    FeatureSetInfo,
    TrainingFrame,
    Window,
    feature_sets,
    newest_feature_set,
    training_frame,
)
from app.services.features.sources import load_rules

__all__ = [
    "FeatureColumn",
    "FeatureSetBuilt",
    "FeatureSetInfo",
    "TrainingFrame",
    "Window",
    "build",
    "feature_sets",
    "load_rules",
    "newest_feature_set",
    "training_frame",
]
