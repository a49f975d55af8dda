"""The data requirement as an agreement: two roles sign it, and a change of it asks for new signatures."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from app.domain.errors import Refused
from app.domain.ids import Ref
from app.domain.roles import Role
from app.domain.text import visible
from app.services.data.reading import declared_source
from app.services.running import register_project
from app.services.workspaces import OpenProject, now
from app.store import audit
from app.store.engine import Store
from app.store.tables import Agreement, Project

NEEDED = 2


@dataclass(frozen=True)
class Agreed:
    """Who has signed the requirement of a source as it stands; agreed when two roles have, by two people.

    >>> Agreed("rows", "", ("R3", "R4"), ("ana", "ana")).says
    'the requirement of rows is signed by R3, R4, always ana; one more person is to agree'
    """

    source: str
    digest: str
    roles: tuple[str, ...]
    people: tuple[str, ...]

    @property
    def is_agreed(self) -> bool:
        """Whether two people have signed, each for a role of their own."""
        return len(set(self.roles)) >= NEEDED and len(set(self.people)) >= NEEDED

    @property
    def says(self) -> str:
        """One line for people."""
        if self.is_agreed:
            signed = (f"{role} ({visible(by, longest=60)})" for role, by in zip(self.roles, self.people, strict=True))
            return f"the requirement of {self.source} is agreed by {' and '.join(signed)}"
        if len(self.roles) >= NEEDED:
            always = f"signed by {', '.join(self.roles)}, always {visible(self.people[0], longest=60)}"
            return f"the requirement of {self.source} is {always}; one more person is to agree"
        so_far = f"signed by {self.roles[0]}; one more role is" if self.roles else "not signed; two roles are"
        return f"the requirement of {self.source} is {so_far} to agree"


def agree(store: Store, project: OpenProject, source: str, role: Role, *, by: str, reason: str = "") -> Agreed:
    """Sign the requirement of a source, as it stands in project.toml, for one role.

    Raises Usage for an unknown source, Refused when the role has signed it already.
    """
    declared = declared_source(project, source)
    digest = declared.requirement_digest
    project_id = register_project(store, project)
    with store.write() as session:
        known = session.execute(
            select(col(Agreement.signed_by)).where(
                col(Agreement.project_id) == project_id,
                col(Agreement.source) == source,
                col(Agreement.digest) == digest,
                col(Agreement.role) == role,
            )
        ).scalar_one_or_none()
        if known is not None:
            raise Refused(
                f"{role} ({role.words}) has agreed to it already", next_step=f"trainmaster data contract {source}"
            )
        moment = now()
        session.add(
            Agreement(
                project_id=project_id, source=source, digest=digest, role=role, signed_by=by, reason=reason,
                signed_at=moment,
            )
        )  # fmt: skip
        audit.record(
            session,
            actor=by,
            action="data.requirement_agreed",
            subject=str(Ref("source", f"{project.name}/{source}")),
            now=moment,
            reason=reason,
            details={"role": str(role), "requirement": digest},
        )
    return agreement_of(store, project, source)


def agreement_of(store: Store, project: OpenProject, source: str) -> Agreed:
    """Who has signed the requirement of a source as it stands now."""
    digest = declared_source(project, source).requirement_digest
    query = (
        select(col(Agreement.role), col(Agreement.signed_by))
        .join(Project, col(Project.id) == col(Agreement.project_id))
        .where(col(Project.name) == project.name, col(Agreement.source) == source, col(Agreement.digest) == digest)
        .order_by(col(Agreement.id))
    )
    with store.read() as session:
        signed = session.execute(query).all()
    return Agreed(source, digest, tuple(str(role) for role, _ in signed), tuple(by for _, by in signed))


def require_agreement(store: Store, project: OpenProject, source: str) -> None:
    """Raise Refused when `sign_off` is required and the requirement as it stands is not agreed."""
    if declared_source(project, source).sign_off != "required":
        return
    agreed = agreement_of(store, project, source)
    if not agreed.is_agreed:
        raise Refused(
            f"[sources.{source}] asks for a sign-off by two people of two roles: {agreed.says}",
            where=f"projects/{project.name}/project.toml",
            next_step=f"trainmaster data agree {source} --role R3 (another person: R4) --project {project.name}",
        )
