"""Finding, opening and making a workspace."""

import getpass
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.domain.errors import BadInput, NotFound, Refused
from app.domain.project import ProjectFile, parse_project
from app.domain.roles import PROGRAM
from app.domain.workspace import MARKER, Workspace
from app.store.reader import SQLITE, Reader

if TYPE_CHECKING:
    from app.store.engine import Store

VARIABLE = "TRAINMASTER_WORKSPACE"


def now() -> datetime:
    """The time of the clock, in UTC."""
    return datetime.now(UTC)


def actor() -> str:
    """Who acts: the name in TRAINMASTER_ACTOR, or the user of the operating system; never a name of the program."""
    name = os.environ.get("TRAINMASTER_ACTOR") or getpass.getuser()
    return f"user {name}" if name in PROGRAM else name


def find_workspace(start: Path, *, named: Path | None = None, environment: Mapping[str, str] = os.environ) -> Workspace:
    """The workspace that was named, or the one of the environment, or the nearest one upward; raises NotFound."""
    chosen = named or (Path(environment[VARIABLE]) if environment.get(VARIABLE) else None)
    if chosen is not None:
        root = chosen.resolve()
        if not (root / MARKER).is_file():
            raise NotFound(f"{root} is not a workspace", next_step="trainmaster demo DIR, or: trainmaster init NAME")
        return Workspace(root)
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / MARKER).is_file():
            return Workspace(folder)
    raise NotFound(
        f"no {MARKER} in {start.resolve()} or above",
        next_step="trainmaster demo DIR, or: trainmaster init NAME --from FILE",
    )


def make_workspace(root: Path) -> Workspace:
    """Make a workspace in a folder, or complete one that is there; the state folder gets mode 0700, the token 0600."""
    workspace = Workspace(root.resolve())
    if root.exists() and not root.is_dir():
        raise Refused(f"{root} is not a folder", next_step="choose another folder")
    for folder in (workspace.root, workspace.projects):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (
        workspace.state,
        workspace.features,
        workspace.prefect_home,
        workspace.logs,
        workspace.backups,
        workspace.predictions,
    ):
        folder.mkdir(exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    if not workspace.token_file.exists():
        handle = os.open(workspace.token_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_urlsafe(32) + "\n")
    ignore = workspace.root / ".gitignore"
    lines = ignore.read_text().splitlines() if ignore.exists() else []
    missing = [line for line in (".trainmaster/", "incoming/", "__pycache__/") if line not in lines]
    if missing:
        ignore.write_text("\n".join([*lines, *missing]) + "\n")
    if not workspace.marker.exists():
        workspace.marker.write_text("# A Trainmaster workspace; settings are optional.\n")
    return workspace


@contextmanager
def open_store(workspace: Workspace) -> Iterator["Store"]:
    """The store of a workspace, brought to the newest schema; what its people may not do is refused."""
    from app.services.people import require_act
    from app.store.engine import Store
    from app.store.migrate import migrate

    url = store_url(workspace)
    store = Store.of_file(Path(url.removeprefix(SQLITE))) if url.startswith(SQLITE) else Store(url)
    store.may = lambda person, action: require_act(workspace, person, action)
    try:
        migrate(store)
        yield store
    finally:
        store.close()


@contextmanager
def open_reader(workspace: Workspace) -> Iterator[Reader]:
    """A reader of the workspace's store; a store that is not there yet is made first."""
    if _url_setting(workspace) is None and not workspace.store_file.exists():
        with open_store(workspace):
            pass
    reader = Reader.of_url(store_url(workspace))
    try:
        yield reader
    finally:
        reader.close()


def store_url(workspace: Workspace) -> str:
    """The SQLAlchemy URL of the store: `[store] url` in trainmaster.toml, or the SQLite file; raises Refused.

    `${NAME}` in it is a secret: it comes from the environment, or from `.trainmaster/secrets`.
    """
    return _url_setting(workspace) or f"sqlite:///{workspace.store_file}"


def _url_setting(workspace: Workspace) -> str | None:
    import tomllib

    text = workspace.marker.read_text()
    if "[store]" not in text:
        return None
    url = tomllib.loads(text).get("store", {}).get("url")
    if not url:
        return None
    from app.services.secrets import filled_url

    return filled_url(workspace, "store", str(url))


class CodeSource(Protocol):
    """Where a project's code comes from when it is not the working tree."""

    @property
    def digest(self) -> str: ...

    @property
    def commit(self) -> str: ...


@dataclass(frozen=True)
class OpenProject:
    """A project as it stands on disk now, or as a delivered bundle has it (`code` is then the bundle's folder)."""

    workspace: Workspace
    file: ProjectFile
    text: str
    code: Path | None = None
    bundle: CodeSource | None = None

    @property
    def name(self) -> str:
        """The project's name."""
        return self.file.name

    @property
    def folder(self) -> Path:
        """The project's folder, where its data arrive."""
        return self.workspace.project_folder(self.file.name)

    @property
    def code_folder(self) -> Path:
        """Where `features.py` stands: the project's folder, or a delivered bundle."""
        return self.code or self.folder


def open_project(workspace: Workspace, name: str) -> OpenProject:
    """Read and check a project's `project.toml`; raises NotFound or BadInput."""
    path = workspace.project_file(name)
    if not path.is_file():
        raise NotFound(
            f"there is no project {name!r} in {workspace.root}", next_step="trainmaster init NAME --from FILE"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        shown = f"projects/{name}/project.toml"
        raise BadInput(f"it is not UTF-8 (byte {error.start})", where=shown, next_step="save it as UTF-8") from None
    file = parse_project(text, f"projects/{name}/project.toml")
    if file.name != name:
        raise Refused(
            f"projects/{name}/project.toml is named {file.name!r}",
            next_step=f'set name = "{name}" in it, or move the folder',
        )
    return OpenProject(workspace, file, text)


def project_names(workspace: Workspace) -> list[str]:
    """The names of all projects, in order."""
    if not workspace.projects.is_dir():
        return []
    return sorted(folder.name for folder in workspace.projects.iterdir() if (folder / "project.toml").is_file())
