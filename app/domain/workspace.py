"""Where a workspace keeps its things: paths only, nothing is read or written here."""

from dataclasses import dataclass
from pathlib import Path

MARKER = "trainmaster.toml"


@dataclass(frozen=True)
class Workspace:
    """A folder of the user's, marked by `trainmaster.toml`; state lives in `.trainmaster/`.

    >>> Workspace(Path("/w")).project_folder("churn").as_posix()
    '/w/projects/churn'
    """

    root: Path

    @property
    def marker(self) -> Path:
        """The settings of the workspace (TOML)."""
        return self.root / MARKER

    @property
    def state(self) -> Path:
        """Everything that Trainmaster writes: mode 0700, ignored by git."""
        return self.root / ".trainmaster"

    @property
    def store_file(self) -> Path:
        """The SQLite store."""
        return self.state / "store.db"

    @property
    def features(self) -> Path:
        """The offline feature store: one Delta table a view."""
        return self.state / "features"

    @property
    def online_file(self) -> Path:
        """The online feature store, when it is an SQLite file."""
        return self.state / "online.db"

    @property
    def prefect_home(self) -> Path:
        """The home of the local Prefect server."""
        return self.state / "prefect"

    @property
    def logs(self) -> Path:
        """One log file a service."""
        return self.state / "logs"

    @property
    def backups(self) -> Path:
        """Backups of the store."""
        return self.state / "backups"

    @property
    def predictions(self) -> Path:
        """What the gateway answered, as Parquet files by project and day."""
        return self.state / "predictions"

    @property
    def gateway(self) -> Path:
        """What the gateway's processes count."""
        return self.state / "gateway"

    @property
    def secrets_file(self) -> Path:
        """NAME=value lines that sources refer to as ${NAME}, mode 0600."""
        return self.state / "secrets"

    def spool(self, project: str, source: str) -> Path:
        """Where the pieces of a source lie until the store holds them."""
        return self.state / "spool" / project / source

    @property
    def bundles(self) -> Path:
        """What CI delivered, unfolded: one folder a digest."""
        return self.state / "bundles"

    @property
    def ci(self) -> Path:
        """Commits that CI checks now, one folder a run."""
        return self.state / "ci"

    @property
    def token_file(self) -> Path:
        """The token of gateway and orchestrator, mode 0600."""
        return self.state / "token"

    @property
    def ports_file(self) -> Path:
        """The loopback ports that this workspace's services took (JSON)."""
        return self.state / "ports.json"

    @property
    def projects(self) -> Path:
        """One folder a project."""
        return self.root / "projects"

    def project_folder(self, name: str) -> Path:
        """The folder of one project."""
        return self.projects / name

    def project_file(self, name: str) -> Path:
        """The `project.toml` of one project."""
        return self.project_folder(name) / "project.toml"

    def features_file(self, name: str) -> Path:
        """The `features.py` of one project."""
        return self.project_folder(name) / "features.py"
