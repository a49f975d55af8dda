"""Bundles that CI delivered, and what it judged of each commit."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from app.domain.states import Verdict
from app.store.tables.base import Table, long_text, moment, refers, size, word


class Bundle(Table, table=True):
    """The files of a workspace at one commit, with the lock digest; `manifest` is the artifact that names each file.

    The digest is that of the manifest, so the same commit and lock give the same bundle on every machine.
    """

    __tablename__ = "bundle"
    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True, min_length=64, max_length=64)
    manifest: str = refers("artifact.digest")
    commit: str = Field(index=True, max_length=64)
    lock_digest: str = Field(max_length=64)
    files: int = Field(ge=1)
    size_bytes: int = size()
    created_at: datetime = moment()


class CiVerdict(Table, table=True):
    """What one CI run judged of one commit of a project; a red one names the stage that failed and has no bundle."""

    __tablename__ = "ci_verdict"
    __table_args__ = (Index("ci_by_project", "project_id", "id"), Index("ci_by_commit", "commit", "project_id"))
    id: int | None = Field(default=None, primary_key=True)
    project_id: int = refers("project.id", index=False)
    run_id: int = refers("run.id", index=False)
    commit: str = Field(max_length=64)
    branch: str = long_text()
    author: str = long_text()
    subject: str = long_text()
    verdict: Verdict = word(Verdict)
    stage: str = Field(default="", max_length=100)
    reason: str = long_text()
    bundle_id: int | None = refers("bundle.id", nullable=True)
    duration_s: float = Field(ge=0)
    created_at: datetime = moment(index=True)
