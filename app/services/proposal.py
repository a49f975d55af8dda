"""`init`: look at a file, propose what to learn from it, and write a project that trains as it stands."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.domain.errors import Refused
from app.domain.ids import is_name, new_key
from app.domain.problem import MetricName, Task
from app.domain.project import parse_project
from app.domain.text import visible
from app.domain.workspace import Workspace
from app.services.repository import commit_workspace
from app.services.workspaces import actor

if TYPE_CHECKING:
    from app.data.proposing import Proposed
    from app.data.readers import Raw


@dataclass(frozen=True)
class Proposal:
    """What `init` would make of a file, and why; `digest` is the SHA-256 of the file that was looked at."""

    file: Path
    digest: str
    proposed: "Proposed"

    @property
    def target(self) -> str:
        """The column to predict."""
        return self.proposed.target.name or ""

    @property
    def task(self) -> Task:
        """Binary, multiclass or regression."""
        return self.proposed.task

    @property
    def metric(self) -> MetricName:
        """What the model is judged by."""
        return self.proposed.metric

    @property
    def time(self) -> str | None:
        """The column of event times, if there is one."""
        return self.proposed.time.name

    @property
    def entity(self) -> str | None:
        """The column that names a row, if there is one."""
        return self.proposed.entity.name

    @property
    def features(self) -> tuple[str, ...]:
        """The columns to learn from."""
        return tuple(field.name for field in self.proposed.features)

    @property
    def excluded(self) -> tuple[tuple[str, str], ...]:
        """The columns that are left out, each with the reason."""
        return self.proposed.excluded

    @property
    def says(self) -> tuple[str, ...]:
        """Every choice with its reason, one line each, harmless to print."""
        proposed = self.proposed
        split = "the newest month is held out" if proposed.by_time else "a random quarter is held out"
        lines = [
            f"target {visible(self.target, longest=80)}: {proposed.target.why}",
            f"task {proposed.task}, judged by {proposed.metric}: {proposed.task_why}",
            f"time {_named(proposed.time.name)}: {proposed.time.why}; {split}",
            f"entity {_named(proposed.entity.name)}: {proposed.entity.why}",
            f"{len(proposed.features)} features: {visible(', '.join(self.features), longest=200)}",
            *(f"left out {visible(name, longest=80)}: {why}" for name, why in proposed.excluded),
            *(f"note: {note}" for note in proposed.notes),
        ]
        return tuple(lines)


@dataclass(frozen=True)
class ProjectWritten:
    """The new project's folder and the commit that holds it (None without git)."""

    name: str
    folder: Path
    commit: str | None


def propose(file: Path, *, target: str | None = None, time: str | None = None, entity: str | None = None) -> Proposal:
    """Look at a CSV, TSV, Parquet or JSON lines file; `target`, `time` and `entity` name columns to take instead.

    Raises NotFound or BadInput for a file that cannot be read, Refused with the reason when nothing can be learned.
    """
    from app.data import proposing, readers

    raw = readers.read(file)
    proposed = proposing.propose(raw, target=target, time=time, entity=entity)
    _require_kept(raw, proposed)
    return Proposal(file, raw.digest, proposed)


def _require_kept(raw: "Raw", proposed: "Proposed") -> None:
    """Refuse now what the ingest of the proposed project would refuse."""
    from app.data import contract, project_text

    text = project_text.project_toml("proposed", proposed, owner="x", file="x", pattern="*")
    source = parse_project(text, raw.file).sources[project_text.SOURCE]
    rejected = contract.check(raw.frame, source, name=project_text.SOURCE, where=raw.file).rejected
    if len(rejected) > source.max_quarantined_share * len(raw.frame):
        raise Refused(
            f"{len(rejected):,} of {len(raw.frame):,} rows could not be used "
            f"(at most {source.max_quarantined_share:.0%} may go to quarantine). "
            f"First: {visible(rejected[0].reason, longest=200)}",
            where=raw.places([rejected[0].row])[0],
            next_step="correct these rows, or take the column away",
        )


def require_name(name: str) -> None:
    """Raise Refused for a name that cannot be a project's."""
    if not is_name(name):
        raise Refused(
            f"'{visible(name, longest=80)}' cannot name a project",
            next_step="use lower-case letters, digits, - and _, letter first",
        )


def write_project(workspace: Workspace, name: str, proposal: Proposal) -> ProjectWritten:
    """Write the project's folder in one step: project.toml, features.py, tests and a copy of the file.

    Raises Refused for a name that cannot be one, or is taken; nothing is left behind then.
    """
    from app.data import project_text
    from app.data.readers import fingerprint

    require_name(name)
    folder = workspace.project_folder(name)
    if folder.exists():
        raise Refused(f"there is a project {name} already", next_step=f"choose another name, or remove projects/{name}")
    proposed, shown = proposal.proposed, visible(proposal.file.name, longest=100)
    kept_as = f"rows{_suffixes(proposal.file)}"
    pattern = f"incoming/{project_text.SOURCE}/*{_suffixes(proposal.file)}"
    toml = project_text.project_toml(name, proposed, owner=actor(), file=shown, pattern=pattern)
    parse_project(toml, f"projects/{name}/project.toml")
    code = project_text.features_py(proposed, file=shown)
    compile(code, "features.py", "exec")
    part = workspace.state / f"init-{new_key()}"
    try:
        incoming = part / "incoming" / project_text.SOURCE
        incoming.mkdir(parents=True)
        (part / "tests").mkdir()
        (part / "project.toml").write_text(toml, encoding="utf-8")
        (part / "features.py").write_text(code, encoding="utf-8")
        (part / "tests" / "test_features.py").write_text(project_text.tests_py(proposed), encoding="utf-8")
        shutil.copyfile(proposal.file, incoming / kept_as)
        if fingerprint(incoming / kept_as)[0] != proposal.digest:
            raise Refused(f"{shown} changed while it was copied", next_step="try again when it is complete")
        workspace.projects.mkdir(exist_ok=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    commit = commit_workspace(workspace, f"Project {name}", "trainmaster.toml", ".gitignore", f"projects/{name}")
    return ProjectWritten(name, folder, commit)


def _suffixes(file: Path) -> str:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst"):
        return "".join(suffixes[-2:])
    return suffixes[-1] if suffixes else ""


def _named(name: str | None) -> str:
    return "(none)" if name is None else visible(name, longest=80)
