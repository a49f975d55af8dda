"""Whether somebody may do something: a question that every session carries, asked where an act is written down."""

from sqlmodel import Session

MAY = "trainmaster_may"
"""Where a session keeps it: called with a name and an action of the audit log, it refuses or gives nothing."""


def require(session: Session, actor: str, action: str) -> None:
    """Raise Refused when the workspace does not let somebody do an action.

    `audit.record` asks for every event; a service that would begin a long act in vain asks beforehand.
    """
    may = session.info.get(MAY)
    if may is not None:
        may(actor, action)


__all__ = ["MAY", "require"]
