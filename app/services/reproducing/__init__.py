"""Making a run a second time, elsewhere, and saying whether the same came out, or where it went another way."""

from app.services.reproducing.attempt import reproduce
from app.services.reproducing.verdict import Reproduced, Step, newest_verdict

__all__ = ["Reproduced", "Step", "newest_verdict", "reproduce"]
