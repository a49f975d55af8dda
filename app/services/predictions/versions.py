"""Versions that answer: the one in production of a project, and loading a registered one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound, Refused
from app.domain.ids import Ref
from app.domain.states import DeploymentState
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Deployment, FeatureSet, Model, ModelVersion

if TYPE_CHECKING:
    from app.learning.loader import LoadedModel

TOLERANCE = 1e-12


@dataclass(frozen=True)
class Production:
    """The version that answers for a project now."""

    model: str
    version_id: int
    version: int
    profile: str
    feature_set_id: int

    @property
    def ref(self) -> Ref:
        """The version as a node of the lineage."""
        return Ref("model", f"{self.model}/{self.version}")


def load_version(store: Store, version_id: int) -> LoadedModel:
    """A registered version, ready to answer: digests checked first, then parsed, then asked its canary.

    Errors: NotFound for an unknown version, Damaged for bytes without their digest, Refused for canary answers that
    differ from the stored ones by more than 1e-12.
    """
    from app.learning.loader import LoadedModel
    from app.learning.package import Package

    with store.read() as session:
        row = session.get(ModelVersion, version_id)
        if row is None:
            raise NotFound(f"there is no model version {version_id}", next_step="trainmaster models ls")
        package = Package.of_bytes(
            artifacts.get(session, row.manifest),
            artifacts.get(session, row.model_bytes),
            artifacts.get(session, row.canary),
        )
    model = LoadedModel(package)
    expected, found = _flat(package.canary["predictions"]), _flat(model.predict(list(package.canary["inputs"])))
    same = len(expected) == len(found) and all(
        abs(one - other) <= TOLERANCE for one, other in zip(expected, found, strict=True)
    )
    if not same:
        raise Refused(
            f"version {row.version} does not give its stored canary answers", next_step="trainmaster store fsck"
        )
    return model


def production_of(session: Session, project_id: int, project: str) -> Production:
    """The version behind the project's active deployment; raises NotFound before the first promotion."""
    found = session.execute(
        select(ModelVersion, col(Model.name))
        .join(Deployment, col(Deployment.version_id) == col(ModelVersion.id))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Deployment.project_id) == project_id, col(Deployment.state) == DeploymentState.ACTIVE)
    ).first()
    if found is None:
        raise NotFound(
            f"no version of {project} is in production", next_step=f"trainmaster models promote {project} VERSION"
        )
    return as_production(found[0], str(found[1]))


def as_production(row: ModelVersion, model: str) -> Production:
    """The same for a version's row."""
    assert row.id is not None
    return Production(model, row.id, row.version, row.profile, row.feature_set_id)


def newest_features(session: Session, project_id: int, project: str) -> FeatureSet:
    """The newest published features of a project; raises NotFound before the first build."""
    row: FeatureSet | None = (
        session.execute(
            select(FeatureSet).where(col(FeatureSet.project_id) == project_id).order_by(col(FeatureSet.version).desc())
        )
        .scalars()
        .first()
    )
    if row is None:
        raise NotFound(f"no features of {project} were built", next_step=f"trainmaster features build {project}")
    return row


def _flat(values: Any) -> list[float]:
    return [float(number) for row in values for number in (row if isinstance(row, list) else [row])]


__all__ = ["Production", "as_production", "load_version", "newest_features", "production_of"]
