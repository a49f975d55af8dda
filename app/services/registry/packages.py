"""Finding versions and reading their packages; every byte is checked against its digest on the way."""

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import NotFound
from app.domain.states import Stage
from app.learning.package import Package
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Model, ModelVersion, Project


def find_version(session: Session, model: str, version: int) -> ModelVersion:
    """One version of a model; raises NotFound."""
    statement = (
        select(ModelVersion)
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Model.name) == model, col(ModelVersion.version) == version)
    )
    found: ModelVersion | None = session.execute(statement).scalars().first()
    if found is None:
        raise NotFound(f"there is no version {version} of {model}", next_step="trainmaster models ls")
    return found


def production_version(session: Session, model: str) -> ModelVersion | None:
    """The version of a model that is in production, or None."""
    statement = (
        select(ModelVersion)
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Model.name) == model, col(ModelVersion.stage) == Stage.PRODUCTION)
    )
    found: ModelVersion | None = session.execute(statement).scalars().first()
    return found


def find_project(session: Session, name: str) -> Project:
    """A project's row; raises NotFound."""
    found: Project | None = session.execute(select(Project).where(col(Project.name) == name)).scalars().first()
    if found is None:
        raise NotFound(f"nothing has run in a project {name!r} yet", next_step=f"trainmaster data ingest {name}")
    return found


def package_of(session: Session, version: ModelVersion) -> Package:
    """The package of a version; raises Damaged when stored bytes do not have their digest. Nothing is parsed."""
    manifest, model, canary = (
        artifacts.get(session, digest) for digest in (version.manifest, version.model_bytes, version.canary)
    )
    return Package.of_bytes(manifest, model, canary)


def read_package(store: Store, model: str, version: int | None = None) -> tuple[ModelVersion, Package]:
    """A version (None: the one in production) and its verified package; raises NotFound or Damaged."""
    with store.read() as session:
        if version is not None:
            found = find_version(session, model, version)
        else:
            production = production_version(session, model)
            if production is None:
                raise NotFound(
                    f"{model} has no version in production", next_step=f"trainmaster models promote {model} VERSION"
                )
            found = production
        package = package_of(session, found)
    package.verify()
    return found, package
