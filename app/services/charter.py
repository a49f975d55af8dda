"""The charter of a project: why the model exists, and what the problem is."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from app.domain.problem import Direction, MetricName, Task
from app.domain.workspace import Workspace
from app.services.running import register_project
from app.services.workspaces import open_project
from app.store.engine import Store
from app.store.tables import CharterVersion


@dataclass(frozen=True)
class CharterShown:
    """What `project show` says; `version` counts the contents of project.toml that were used or shown so far."""

    project: str
    title: str
    goal: str
    kpi: str
    kpi_target: float | None
    owner: str
    kill_criterion: str
    version: int
    digest: str
    task: Task
    target: str
    metric: MetricName
    direction: Direction
    entity: tuple[str, ...]
    event_time: str | None
    sources: tuple[str, ...]
    views: tuple[str, ...]


def show(store: Store, workspace: Workspace, project: str) -> CharterShown:
    """The project as its project.toml stands now, with the version of that content; raises NotFound or BadInput."""
    opened = open_project(workspace, project)
    project_id = register_project(store, opened)
    file = opened.file
    with store.read() as session:
        version = session.execute(
            select(col(CharterVersion.version)).where(
                col(CharterVersion.project_id) == project_id, col(CharterVersion.digest) == file.digest
            )
        ).scalar_one()
    return CharterShown(
        project=file.name,
        title=file.title,
        goal=file.charter.goal,
        kpi=file.charter.kpi,
        kpi_target=file.charter.kpi_target,
        owner=file.charter.owner,
        kill_criterion=file.charter.kill_criterion,
        version=version,
        digest=file.digest,
        task=file.problem.task,
        target=file.problem.target,
        metric=file.problem.judged_by,
        direction=file.problem.judged_by.direction,
        entity=file.problem.entity,
        event_time=file.problem.event_time,
        sources=tuple(file.sources),
        views=tuple(file.views),
    )
