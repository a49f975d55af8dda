"""Training, stage by stage: pull, split, fit, evaluate, register; bad data ends the run and registers nothing."""

from app.services.experiments.evaluating import evaluate
from app.services.experiments.fitting import fit
from app.services.experiments.limiting import expect_fit
from app.services.experiments.opening import Opened, open_search
from app.services.experiments.preparing import find_feature_set, pull, split
from app.services.experiments.registering import all_metrics, register
from app.services.experiments.results import Divided, Evaluated, Learned, Pulled, Registered
from app.services.experiments.searching import Searched, search

__all__ = [
    "Divided",
    "Evaluated",
    "Learned",
    "Opened",
    "Pulled",
    "Registered",
    "Searched",
    "all_metrics",
    "evaluate",
    "expect_fit",
    "find_feature_set",
    "fit",
    "open_search",
    "pull",
    "register",
    "search",
    "split",
]
