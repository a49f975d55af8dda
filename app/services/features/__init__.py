"""Features: views built from snapshots, published as versions, and read back as one training frame."""

from app.services.features.building import FeatureSetBuilt, build
from app.services.features.comparing import Change, TableChange, diff, preview
from app.services.features.explaining import Explanation, explain
from app.services.features.future import Tested, prove_project
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
    "Change",
    "Explanation",
    "FeatureColumn",
    "FeatureSetBuilt",
    "FeatureSetInfo",
    "TableChange",
    "Tested",
    "TrainingFrame",
    "Window",
    "build",
    "diff",
    "explain",
    "feature_sets",
    "load_rules",
    "newest_feature_set",
    "preview",
    "prove_project",
    "training_frame",
]
