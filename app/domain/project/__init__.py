"""`project.toml`: charter, problem, requirement, sources, views, split, learner, gates, serving and monitoring."""

from app.domain.project.alerts import AlertRule, Alerts, Health, Hook
from app.domain.project.charter import Charter, Problem
from app.domain.project.evaluation import Card, Evaluation
from app.domain.project.feedback import Feedback
from app.domain.project.file import ProjectFile, canonical_json, parse_project
from app.domain.project.gates import Gates
from app.domain.project.learning import Learner, LearnerKind, Split
from app.domain.project.monitoring import Monitoring
from app.domain.project.search import Range, Search
from app.domain.project.section import Section
from app.domain.project.serving import Serving
from app.domain.project.sources import ColumnRule, Source
from app.domain.project.views import Spine, View

__all__ = [
    "AlertRule",
    "Alerts",
    "Card",
    "Charter",
    "ColumnRule",
    "Evaluation",
    "Feedback",
    "Gates",
    "Health",
    "Hook",
    "Learner",
    "LearnerKind",
    "Monitoring",
    "Problem",
    "ProjectFile",
    "Range",
    "Search",
    "Section",
    "Serving",
    "Source",
    "Spine",
    "Split",
    "View",
    "canonical_json",
    "parse_project",
]
