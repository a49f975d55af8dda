"""The age of what a project's sources have: what lists show and alarms are made of."""

from datetime import datetime

from app.domain.project import ProjectFile
from app.domain.source_age import SourceAge, source_age
from app.store.moments import parse_utc
from app.store.queries import data
from app.store.reader import Reader


def source_ages(reader: Reader, file: ProjectFile, *, at: datetime) -> dict[str, SourceAge]:
    """The age of every source that a project declares, by name, at a moment.

    Alarms ask this again and again: it reads one aggregate of the snapshots, no rows.
    """
    rows = data.sources(reader, project=file.name)
    newest = {row.source: parse_utc(row.newest) for row in rows if row.newest is not None}
    return {
        name: source_age(name, newest.get(name), declared.max_age_hours, at=at)
        for name, declared in file.sources.items()
    }


__all__ = ["source_ages"]
