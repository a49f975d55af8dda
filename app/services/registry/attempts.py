"""How many challengers were tried since production last changed by a promotion."""

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.domain.states import Stage
from app.store.tables import Model, ModelVersion, StageTransition


def tried(session: Session, model: str, *, beside: str = "") -> int:
    """The challengers registered since the last promotion, at least 1; the same digest twice is one challenger.

    `beside` is the digest of one that is not registered yet. A rollback is no promotion: it starts no new count.
    """
    promoted = (
        select(func.max(col(StageTransition.created_at)))
        .join(ModelVersion, col(ModelVersion.id) == col(StageTransition.version_id))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Model.name) == model, col(StageTransition.to_stage) == Stage.PRODUCTION)
        .where(col(StageTransition.undoes_id).is_(None))
    )
    since = session.execute(promoted).scalar()
    statement = (
        select(col(ModelVersion.digest))
        .join(Model, col(Model.id) == col(ModelVersion.model_id))
        .where(col(Model.name) == model)
    )
    if since is not None:
        statement = statement.where(col(ModelVersion.created_at) > since)
    digests = set(session.execute(statement).scalars()) | ({beside} if beside else set())
    return max(len(digests), 1)


__all__ = ["tried"]
