"""Waivers: a gate that does not pass is let go by a person, for a reason, until a day; some are never let go."""

from datetime import datetime, timedelta

from app.domain.errors import BadInput, Refused

NEVER = {
    "finite": "a model whose numbers are not finite is no model",
    "package": "bytes that do not match their digests or their stored answers are another model",
    "commit": "code that stands in no commit cannot be read, repeated or repaired",
    "approvals": "a second person is what the charter asks for; a waiver would be the first one's word again",
}
"""Gates that cannot be waived, and why."""
LONGEST = timedelta(days=90)


def require_waivable(gate: str, *, by: str, reason: str, until: datetime, now: datetime) -> None:
    """Raise Refused or BadInput for a gate that is never waived, or without a name, a reason or an end in the future.

    >>> from datetime import UTC
    >>> day = datetime(2024, 1, 1, tzinfo=UTC)
    >>> require_waivable("schema", by="ana", reason="clients follow", until=day + LONGEST, now=day)
    >>> "finite" in NEVER
    True
    """
    step = f'trainmaster models waive MODEL VERSION {gate} --reason "..." --until 2030-01-31'
    if gate in NEVER:
        raise Refused(f"the gate {gate} cannot be waived: {NEVER[gate]}", next_step="train a version that passes it")
    if not by.strip() or not reason.strip():
        raise Refused("a waiver needs a name and a reason", next_step=step)
    if until <= now:
        raise BadInput("a waiver's end lies in the past", where="--until", next_step=step)
    if until > now + LONGEST:
        raise BadInput(f"a waiver lasts at most {LONGEST.days} days", where="--until", next_step=step)


__all__ = ["LONGEST", "NEVER", "require_waivable"]
