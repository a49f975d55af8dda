"""A declared source on this machine: what a connector needs to reach it."""

from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import TrainmasterError
from app.domain.project import Source
from app.domain.secrets import Secrets
from app.domain.text import visible


@dataclass(frozen=True)
class SourcePlace:
    """The source `name` of a project whose folder is `folder`."""

    name: str
    project: str
    folder: Path
    source: Source
    secrets: Secrets

    @property
    def test_command(self) -> str:
        """The next step of every error of a connection."""
        return f"trainmaster data test {self.name} --project {self.project}"

    def error(self, kind: type[TrainmasterError], says: object, *, next_step: str | None = None) -> TrainmasterError:
        """An error that names the source and the next command, without any secret."""
        message = visible(self.secrets.masked(" ".join(str(says).split())), longest=300)
        return kind(message, where=f"source {self.name}", next_step=next_step or self.test_command)
