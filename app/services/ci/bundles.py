"""A delivered bundle as a folder of its own: each file checked before a run reads it, the working tree out of reach."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session, col

from app.domain.errors import Damaged, NotFound
from app.domain.project import canonical_json
from app.domain.states import Verdict
from app.domain.workspace import Workspace
from app.services.ci.sources import EXECUTABLE, SourceText
from app.services.workspaces import OpenProject, open_project
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Bundle, CiVerdict, Project

FORMAT = 1


@dataclass(frozen=True)
class Delivered:
    """A bundle that CI delivered for a project."""

    digest: str
    commit: str


def manifest_of(files: Mapping[str, SourceText], commit: str, lock_digest: str) -> bytes:
    """The text that names each file with mode, size and SHA-256; its own SHA-256 is the bundle's digest.

    >>> json.loads(manifest_of({"a.py": SourceText("100644", b"x")}, "c0ffee", "0" * 64))["files"][0]["size"]
    1
    """
    listed = [
        {
            "path": path,
            "mode": file.mode,
            "size": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
        }
        for path, file in sorted(files.items())
    ]
    document = {"format": FORMAT, "commit": commit, "lock": lock_digest, "files": listed}
    return canonical_json(document).encode()


def delivered_bundle(session: Session, project: str) -> Delivered | None:
    """The bundle of a project's newest green verdict, or None when CI never delivered one."""
    found = session.execute(
        select(col(Bundle.digest), col(Bundle.commit))
        .join(CiVerdict, col(CiVerdict.bundle_id) == col(Bundle.id))
        .join(Project, col(Project.id) == col(CiVerdict.project_id))
        .where(col(Project.name) == project, col(CiVerdict.verdict) == Verdict.GREEN)
        .order_by(col(CiVerdict.id).desc())
        .limit(1)
    ).first()
    return None if found is None else Delivered(found[0], found[1])


def open_delivered(store: Store, workspace: Workspace, project: str) -> OpenProject | None:
    """The project as its newest delivered bundle has it, or None without one; raises Damaged for a changed byte."""
    with store.read() as session:
        found = delivered_bundle(session, project)
    if found is None:
        return None
    folder = unfolded(store, workspace, found.digest)
    opened = open_project(Workspace(folder), project)
    return OpenProject(workspace, opened.file, opened.text, code=folder / "projects" / project, bundle=found)


def unfolded(store: Store, workspace: Workspace, digest: str) -> Path:
    """The folder with the files of a bundle, each compared with its digest; made anew when one of them differs."""
    files = _files(store, digest)
    folder = workspace.bundles / digest
    if _is_whole(folder, files):
        return folder
    workspace.bundles.mkdir(mode=0o700, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{digest[:12]}-", dir=workspace.bundles))
    with store.read() as session:
        for file in files:
            target = made / str(file["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(artifacts.get(session, str(file["sha256"])))
            target.chmod(0o555 if file["mode"] == EXECUTABLE else 0o444)
    old = made.with_name(made.name + "-old")
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(made, folder)
    except OSError:  # another run made the same folder in the meantime
        shutil.rmtree(made)
    shutil.rmtree(old, ignore_errors=True)
    if not _is_whole(folder, files):
        raise Damaged(f"bundle {digest[:12]} cannot be unfolded", where=str(folder), next_step="trainmaster store fsck")
    return folder


def _files(store: Store, digest: str) -> list[dict[str, object]]:
    with store.read() as session:
        manifest = session.execute(
            select(col(Bundle.manifest)).where(col(Bundle.digest) == digest)
        ).scalar_one_or_none()
        if manifest is None:
            raise NotFound(f"there is no bundle {digest[:12]}", next_step="trainmaster ci run")
        content = artifacts.get(session, manifest)
    if hashlib.sha256(content).hexdigest() != digest:
        raise Damaged(f"the manifest of bundle {digest[:12]} was changed", next_step="trainmaster store fsck")
    found = json.loads(content)["files"]
    assert isinstance(found, list)
    return found


def _is_whole(folder: Path, files: list[dict[str, object]]) -> bool:
    wanted = {str(file["path"]): file["sha256"] for file in files}
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    return there.keys() == wanted.keys() and all(
        not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == wanted[name]
        for name, path in there.items()
    )


__all__ = ["Delivered", "delivered_bundle", "manifest_of", "open_delivered", "unfolded"]
