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
from app.services.features.retaining import Compacted, Pruned, compact, prune
from app.services.features.sources import load_rules

__all__ = [
    "Change",
    "Compacted",
    "Explanation",
    "FeatureColumn",
    "FeatureSetBuilt",
    "FeatureSetInfo",
    "Pruned",
    "TableChange",
    "Tested",
    "TrainingFrame",
    "Window",
    "build",
    "compact",
    "diff",
    "explain",
    "feature_sets",
    "load_rules",
    "newest_feature_set",
    "preview",
    "prove_project",
    "prune",
    "training_frame",
]
