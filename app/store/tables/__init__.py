"""Every table of the store; importing this package registers them all."""

from sqlmodel import SQLModel

from app.store.tables.approvals import Approval, Waiver
from app.store.tables.artifacts import Artifact, Chunk
from app.store.tables.audit import AuditEvent
from app.store.tables.charter import CharterVersion, Project
from app.store.tables.ci import Bundle, CiVerdict
from app.store.tables.data import Agreement, QuarantinedRow, Snapshot, SourceFile, Ticket
from app.store.tables.experiments import Baseline, Metric, MetricPoint, Parameter, RunArtifact, RunNote, RunTag
from app.store.tables.features import FeatureCode, FeatureSet, OnlinePublish, SkewCheck, TrainingSet
from app.store.tables.feedback import Decision, FeedbackItem
from app.store.tables.health import HealthPoint, HealthSignal, Heartbeat, Notice
from app.store.tables.infrastructure import Admission, Estimate, Lease, Service
from app.store.tables.lineage import LineageEdge
from app.store.tables.monitoring import Alert, MonitorReport, Signal, VersionReference
from app.store.tables.registry import (
    Alias,
    AliasMove,
    GateResult,
    GateVerdictRow,
    Model,
    ModelVersion,
    StageTransition,
)
from app.store.tables.reproduction import Reproduction
from app.store.tables.rollouts import Rollout, RolloutWindow
from app.store.tables.runs import LogLine, ResourceSample, Run, Task
from app.store.tables.serving import Deployment, PredictionBatch, PredictionPart
from app.store.tables.trials import Experiment, Trial

metadata = SQLModel.metadata

__all__ = [
    "Admission",
    "Agreement",
    "Alert",
    "Alias",
    "AliasMove",
    "Approval",
    "Artifact",
    "AuditEvent",
    "Baseline",
    "Bundle",
    "CharterVersion",
    "Chunk",
    "CiVerdict",
    "Decision",
    "Deployment",
    "Estimate",
    "Experiment",
    "FeatureCode",
    "FeatureSet",
    "FeedbackItem",
    "GateResult",
    "GateVerdictRow",
    "HealthPoint",
    "HealthSignal",
    "Heartbeat",
    "Lease",
    "LineageEdge",
    "LogLine",
    "Metric",
    "MetricPoint",
    "Model",
    "ModelVersion",
    "MonitorReport",
    "Notice",
    "OnlinePublish",
    "Parameter",
    "PredictionBatch",
    "PredictionPart",
    "Project",
    "QuarantinedRow",
    "Reproduction",
    "ResourceSample",
    "Rollout",
    "RolloutWindow",
    "Run",
    "RunArtifact",
    "RunNote",
    "RunTag",
    "Service",
    "Signal",
    "SkewCheck",
    "Snapshot",
    "SourceFile",
    "StageTransition",
    "Task",
    "Ticket",
    "TrainingSet",
    "Trial",
    "VersionReference",
    "Waiver",
    "metadata",
]
