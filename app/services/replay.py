"""Replay: the next month of the sample year arrives, as it would have arrived then."""

import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import app
from app.domain.errors import NotFound, Refused
from app.domain.workspace import Workspace
from app.services.workspaces import open_project

YEAR = 2013
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
FLIGHTS = re.compile(rf"flights-{YEAR}-(\d\d)\.parquet")


@dataclass(frozen=True)
class Arrived:
    """The files of one month that are now in `incoming/`; paths are relative to the project's folder."""

    project: str
    month: str
    says: str
    files: tuple[str, ...]


def next_month(workspace: Workspace, project: str) -> Arrived:
    """Put the month after the newest one that is there into `incoming/`, weather first, each file by one rename.

    Raises Refused for a project without the sample's flights, and after December.
    """
    opened = open_project(workspace, project)
    incoming = opened.folder / "incoming"
    if not {"flights", "weather"} <= set(opened.file.sources):
        raise Refused(
            f"project {project} does not read the sample's flights and weather",
            next_step="trainmaster replay --project flight-delay",
        )
    there = [int(found[1]) for path in (incoming / "flights").glob("*") if (found := FLIGHTS.fullmatch(path.name))]
    month = max(there, default=0) + 1
    if month > len(MONTHS):
        raise Refused(
            f"all {len(MONTHS)} months of {YEAR} have arrived", next_step="trainmaster demo DIR starts the year again"
        )
    return bring(workspace, project, month)


def bring(workspace: Workspace, project: str, month: int) -> Arrived:
    """Put the files of one month (1 to 12) into `incoming/`."""
    sample = sample_folder()
    folder = workspace.project_folder(project)
    files = []
    for source in ("weather", "flights"):
        file = f"{source}-{YEAR}-{month:02}.parquet"
        arrive(sample / file, folder / "incoming" / source / file)
        files.append(f"incoming/{source}/{file}")
    name = MONTHS[month - 1]
    return Arrived(project, f"{YEAR}-{month:02}", f"{name} {YEAR} has arrived: its weather and flights", tuple(files))


def arrive(source: Path, target: Path) -> None:
    """Copy a file to a place where others look: complete, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    try:
        shutil.copyfile(source, part)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def sample_folder() -> Path:
    """The folder of the flights' Parquet files: in the installed package, or in a checkout; raises NotFound."""
    package = Path(app.__file__).resolve().parent
    for folder in (package / "sample_data" / "flights", package.parent / "sample_data" / "flights"):
        if (folder / "planes.parquet").is_file():
            return folder
    raise NotFound("the sample data is not there", next_step="install trainmaster again, or clone the repository")


__all__ = ["Arrived", "arrive", "bring", "next_month", "sample_folder"]
