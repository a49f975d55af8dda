"""Features: views built from snapshots, published as versions, and read back as one training frame."""

from app.services.features.building import FeatureSetBuilt, build
from app.services.features.comparing import Change, TableChange, diff, preview
from app.services.features.explaining import Explanation, explain
from app.services.features.future import Tested, prove_project
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
from app.services.features.retaining import Compacted, Pruned, compact, prune
from app.services.features.search import Hit, search
from app.services.features.skew import Difference, Skew, check_skew, verify_skew
from app.services.features.sources import load_rules
from app.services.features.statistics import describe, statistics_of
from app.services.features.training_sets import Created as TrainingSetCreated
from app.services.features.training_sets import Rebuilt, references_of
from app.services.features.training_sets import create as create_training_set
from app.services.features.training_sets import found as find_training_set
from app.services.features.training_sets import rebuild as rebuild_training_set

__all__ = [
    "Change",
    "Compacted",
    "Difference",
    "EntityRow",
    "Explanation",
    "FeatureColumn",
    "FeatureSetBuilt",
    "FeatureSetInfo",
    "Hit",
    "Materialized",
    "ModelRows",
    "OnlineReader",
    "OnlineRows",
    "Pruned",
    "Rebuilt",
    "Skew",
    "TableChange",
    "Tested",
    "TrainingFrame",
    "TrainingSetCreated",
    "Window",
    "build",
    "check_skew",
    "compact",
    "create_training_set",
    "describe",
    "diff",
    "entity_of",
    "explain",
    "feature_sets",
    "find_training_set",
    "load_rules",
    "materialize",
    "newest_feature_set",
    "open_online",
    "preview",
    "prove_project",
    "prune",
    "rebuild_training_set",
    "references_of",
    "search",
    "statistics_of",
    "training_frame",
    "verify_skew",
]
