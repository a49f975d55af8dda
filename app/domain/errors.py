"""Errors are nouns with a next step, so that every door says the same useful thing."""

from dataclasses import dataclass


class TrainmasterError(Exception):
    """Anything that Trainmaster says no to: what, where, and the next command.

    >>> print(Refused("v13 has no gate report", next_step="trainmaster models show flight-delay 13"))
    v13 has no gate report
      next: trainmaster models show flight-delay 13
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.next_step:
            lines.append(f"  next: {self.next_step}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.where, self.next_step))


def _rebuild(kind: type[TrainmasterError], message: str, where: str | None, next_step: str | None) -> TrainmasterError:
    return kind(message, where=where, next_step=next_step)


class Usage(TrainmasterError):
    """The command itself was wrong."""

    exit_code = 2


class Refused(TrainmasterError):
    """A rule said no."""


class NotFound(TrainmasterError):
    """The named thing does not exist."""


class BadInput(TrainmasterError):
    """Data or a file from outside cannot be used; `where` names file, line or column."""


class Damaged(TrainmasterError):
    """Stored bytes or rows do not match their digest or their rules."""


class Busy(TrainmasterError):
    """Somebody else holds the lock or lease."""


class Unavailable(TrainmasterError):
    """A service is down or does not answer."""


@dataclass(frozen=True)
class Place:
    """Where in a file something is wrong; lines are counted from 1.

    >>> str(Place("flights.csv", line=7, column="dep_time"))
    'flights.csv line 7 column dep_time'
    """

    file: str
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.line is not None:
            parts.append(f"line {self.line}")
        if self.column is not None:
            parts.append(f"column {self.column}")
        return " ".join(parts)
