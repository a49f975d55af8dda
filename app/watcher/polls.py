"""Sources that no file event tells of: when each is to be asked again."""

from app.domain.project import Source
from app.domain.project.connections import SourceKind

STDIN = "stdin:"


class Polls:
    """Remembers, by the monotonic clock, when each watched source that is no folder was asked last.

    >>> from app.domain.project import Source
    >>> polls = Polls()
    >>> polls.declare("shop", {"orders": Source(url="https://example.org/o.csv", every_minutes=1)})
    >>> polls.due("shop", 5.0), polls.due("shop", 6.0), polls.due("shop", 66.0)
    (['orders'], [], ['orders'])
    """

    def __init__(self) -> None:
        self._every_s: dict[str, dict[str, float]] = {}
        self._asked: dict[tuple[str, str], float] = {}

    def declare(self, project: str, sources: dict[str, Source]) -> None:
        """Hear of a project's sources, at the start and whenever its file was saved."""
        self._every_s[project] = {
            name: source.every_minutes * 60
            for name, source in sources.items()
            if source.watch and source.kind is not SourceKind.FILES and not (source.stream or "").startswith(STDIN)
        }

    def due(self, project: str, moment: float) -> list[str]:
        """The sources that are to be asked now; they count as asked."""
        found = []
        for name, every_s in self._every_s.get(project, {}).items():
            last = self._asked.get((project, name))
            if last is None or moment - last >= every_s:
                self._asked[project, name] = moment
                found.append(name)
        return found

    def projects(self) -> list[str]:
        """The projects that have such sources."""
        return [project for project, sources in self._every_s.items() if sources]
