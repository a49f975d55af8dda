"""The states that runs, versions, deployments, alerts and services can be in."""

from enum import StrEnum


class RunState(StrEnum):
    """A run's life: requested (waits for the orchestrator), running, then one of the four ends."""

    REQUESTED = "requested"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self not in (RunState.REQUESTED, RunState.RUNNING)


class TaskState(StrEnum):
    """A task's life."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class TrialState(StrEnum):
    """A trial's life; one that is given up is pruned, one that raised, gave NaN or broke a limit has failed."""

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"


class CauseKind(StrEnum):
    """Who or what asked for a run."""

    PERSON = "person"
    ALERT = "alert"
    RUN = "run"
    SCHEDULE = "schedule"
    NEW_DATA = "new_data"
    COMMIT = "commit"

    @property
    def automatic(self) -> bool:
        """Whether no person asked for it."""
        return self is not CauseKind.PERSON


class Verdict(StrEnum):
    """What CI says of a commit."""

    GREEN = "green"
    RED = "red"


class Stage(StrEnum):
    """Where a model version stands."""

    NONE = "none"
    STAGING = "staging"
    PRODUCTION = "production"
    ARCHIVED = "archived"


class DeploymentState(StrEnum):
    """A deployment's life: built, then active until replaced, or failed with a verdict."""

    BUILDING = "building"
    ACTIVE = "active"
    REPLACED = "replaced"
    FAILED = "failed"


class RolloutState(StrEnum):
    """A candidate's trial beside production, in the shadow or for a share of the entities, then one of three ends.

    In the watch it is in production already, and the version before it stands by.
    """

    SHADOW = "shadow"
    CANARY = "canary"
    WATCH = "watch"
    PASSED = "passed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether the candidate is no longer tried."""
        return self not in (RolloutState.SHADOW, RolloutState.CANARY, RolloutState.WATCH)


class AlertState(StrEnum):
    """An alert's life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How much an alert matters: drift warns, damage to quality is critical."""

    WARNING = "warning"
    CRITICAL = "critical"


class NoticeState(StrEnum):
    """A notification's life: a row that waits, then sent, or given up after its tries."""

    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given-up"


class ServiceState(StrEnum):
    """A supervised process's life."""

    STARTING = "starting"
    UP = "up"
    BACKING_OFF = "backing-off"
    DOWN = "down"
    FAILED = "failed"


class QuarantineState(StrEnum):
    """A rejected row's life."""

    OPEN = "open"
    RELEASED = "released"
    DISCARDED = "discarded"


class TicketState(StrEnum):
    """A data-change request's life: in the queue, taken by somebody, then done or declined with a reason."""

    OPEN = "open"
    TAKEN = "taken"
    RESOLVED = "resolved"
    DECLINED = "declined"


UNREADABLE = "line.unreadable"
"""The rule that a stream's line breaks which is no JSON object; its content is the text of the line."""


class Receiver(StrEnum):
    """Who an item of feedback is for: whoever experiments, whoever looks after the data, or the scheduler's owner."""

    EXPERIMENT = "experiment"
    DATA_ENGINEERING = "data_engineering"
    SCHEDULER = "scheduler"

    @property
    def words(self) -> str:
        """The receiver in words.

        >>> Receiver.DATA_ENGINEERING.words
        'data engineering'
        """
        return self.value.replace("_", " ")


class FeedbackState(StrEnum):
    """An item's life."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
