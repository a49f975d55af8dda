"""What SQLite's complaints mean for a person, and what to do next."""

from pathlib import Path

from app.domain.errors import Busy, Damaged, NotFound, Refused, TrainmasterError, Unavailable

RESTORE = "trainmaster store restore BACKUP (backups lie in .trainmaster/backups)"


def explained_elsewhere(message: str, state: str) -> TrainmasterError | None:
    """The same for another database, by its SQLSTATE; no address is shown, it may hold a password.

    >>> print(explained_elsewhere("canceling statement due to lock timeout", "55P03"))
    the store is held by another writer
      next: try again, or: trainmaster status
    """
    says = message.strip().split("\n", 1)[0]
    if state == "55P03":
        return Busy("the store is held by another writer", next_step="try again, or: trainmaster status")
    if state == "25006":
        return Refused("a reader may not write the store")
    if state in ("42501", "28P01", "28000"):
        return Refused(f"the store's server refuses: {says}", next_step="correct [store] url in trainmaster.toml")
    if state.startswith(("08", "53", "57")) or (not state and "connect" in message):
        return Unavailable(f"the store's server does not answer: {says}", next_step="start it, then try again")
    return None


def explained(message: str, file: str | None) -> TrainmasterError | None:
    """The error behind a complaint of the database, or None when it is none of the file's.

    >>> print(explained("file is not a database", "s.db"))
    s.db: this is not a Trainmaster store (file is not a database)
      next: trainmaster store restore BACKUP (backups lie in .trainmaster/backups)
    >>> explained("UNIQUE constraint failed: run.key", "s.db") is None
    True
    """
    if file is None:
        return None
    if "locked" in message or "busy" in message:
        return Busy("the store is held by another writer", next_step="try again, or: trainmaster status")
    if "not a database" in message:
        return Damaged(f"this is not a Trainmaster store ({message})", where=file, next_step=RESTORE)
    if "malformed" in message or "disk I/O error" in message:
        return Damaged(f"the store is damaged ({message})", where=file, next_step=RESTORE)
    if "readonly" in message or "read-only" in message:
        return Refused("the store may not be written", where=file, next_step=f"chmod u+w {Path(file).parent} {file}")
    if "unable to open" in message:
        if not Path(file).exists():
            return NotFound(f"there is no store at {file}", next_step="trainmaster up")
        return Refused("the store cannot be opened", where=file, next_step=f"chmod u+rw {Path(file).parent} {file}")
    if "full" in message and "disk" in message:
        return Unavailable("the disk is full; nothing was written", where=file, next_step="free some space, try again")
    return None
