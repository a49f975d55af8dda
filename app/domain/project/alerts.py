"""Step 26: `[alerts]`: when a signal becomes an alert, when it is over, who owns it, and who is told."""

import fnmatch
import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from app.domain.project.section import Name, Section, Share, Text
from app.domain.states import Severity

GroupBy = Literal["kind", "severity", "signal"]


class AlertRule(Section):
    """What holds for the signals whose name matches; what a rule leaves out is taken from `[alerts]`.

    `open_after` and `resolve_after` count windows (for a machine's signals: looks) in a row.
    """

    match: Text
    severity: Severity | None = Field(default=None, strict=False)
    open_after: int | None = Field(default=None, ge=1, le=100)
    resolve_after: int | None = Field(default=None, ge=1, le=100)
    owner: str | None = None
    group: Name | None = None
    muted: bool = False


class Hook(Section):
    """Who is told: a command (the alert comes on its standard input), a desktop notice, or a webhook.

    A webhook's address stands here and nowhere else, and its host must be one of `[notifications] allow` in
    trainmaster.toml: no value from the data ever becomes part of an address.
    """

    kind: Literal["command", "desktop", "webhook"]
    command: tuple[Text, ...] = Field(default=(), strict=False)
    url: str = ""
    least: Severity = Field(default=Severity.WARNING, strict=False)
    on: tuple[Literal["opened", "resolved"], ...] = Field(default=("opened",), strict=False)
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    tries: int = Field(default=8, ge=1, le=50)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.kind == "command") != bool(self.command):
            raise ValueError("a hook of kind 'command' has command = ['program', 'argument'], the others have none")
        if (self.kind == "webhook") != bool(self.url):
            raise ValueError("a hook of kind 'webhook' has a url, the others have none")
        if self.url and not re.fullmatch(r"https?://[A-Za-z0-9.\-\[\]:]+(/[^\s]*)?", self.url):
            raise ValueError(f"{self.url!r} is not an http or https address without a user name")
        return self


class Health(Section):
    """Limits of what is not data: machine, runs, CI, freshness, serving, age and the monitor itself."""

    cpu_percent: float = Field(default=98.0, gt=0, le=100)
    memory_percent: float = Field(default=95.0, gt=0, le=100)
    gpu_memory_percent: float = Field(default=98.0, gt=0, le=100)
    disk_percent: float = Field(default=92.0, gt=0, le=100)
    disk_full_days: float = Field(default=3.0, gt=0)
    run_late_minutes: float = Field(default=15.0, gt=0)
    run_stuck_factor: float = Field(default=5.0, gt=1)
    run_slow_factor: float = Field(default=3.0, gt=1)
    run_least_s: float = Field(default=30.0, gt=0)
    run_memory_factor: float = Field(default=3.0, gt=1)
    source_late_factor: float = Field(default=3.0, gt=1)
    features_behind_hours: float = Field(default=24.0, gt=0)
    monitor_behind_hours: float = Field(default=24.0, gt=0)
    serving_errors_percent: float = Field(default=1.0, gt=0, le=100)
    serving_p99_s: float = Field(default=1.0, gt=0)
    serving_queued_rows: float = Field(default=50_000, gt=0)
    heartbeat_s: float = Field(default=60.0, gt=0)
    tolerated_fall: Share = 0.03


class Alerts(Section):
    """`[alerts]`: the defaults, rules by name, limits of health, and hooks.

    >>> alerts = Alerts(rules={"noisy": AlertRule(match="psi.*", open_after=3)})
    >>> alerts.open_after_of("psi.temp"), alerts.open_after_of("auc")
    (3, 1)
    """

    open_after: int = Field(default=1, ge=1, le=100)
    resolve_after: int = Field(default=1, ge=1, le=100)
    group_by: GroupBy = "kind"
    owner: str = ""
    tell_again_minutes: float = Field(default=5.0, ge=0)
    rules: dict[Name, AlertRule] = Field(default_factory=dict)
    health: Health = Field(default_factory=Health)
    hooks: dict[Name, Hook] = Field(default_factory=dict)

    @field_validator("hooks")
    @classmethod
    def _few(cls, value: dict[str, Hook]) -> dict[str, Hook]:
        if len(value) > 20:
            raise ValueError("more than 20 hooks")
        return value

    def rule_of(self, signal: str) -> AlertRule | None:
        """The first rule whose pattern (`psi.*`, `machine.disk*`) matches the whole name of a signal."""
        return next((rule for rule in self.rules.values() if fnmatch.fnmatchcase(signal, rule.match)), None)

    def open_after_of(self, signal: str) -> int:
        """How many windows in a row past the limit open an alert."""
        rule = self.rule_of(signal)
        return rule.open_after if rule is not None and rule.open_after is not None else self.open_after

    def resolve_after_of(self, signal: str) -> int:
        """How many windows in a row within the limit resolve an alert."""
        rule = self.rule_of(signal)
        return rule.resolve_after if rule is not None and rule.resolve_after is not None else self.resolve_after

    def severity_of(self, signal: str, otherwise: Severity) -> Severity:
        """How bad an alert of a signal is: by its rule, or as given."""
        rule = self.rule_of(signal)
        return rule.severity if rule is not None and rule.severity is not None else otherwise

    def owner_of(self, signal: str) -> str | None:
        """Who owns the alerts of a signal, or None."""
        rule = self.rule_of(signal)
        return (rule.owner if rule is not None else None) or self.owner or None

    def group_of(self, signal: str, kind: str, severity: Severity) -> str:
        """The group that an alert belongs to; alerts of one group are told together."""
        rule = self.rule_of(signal)
        if rule is not None and rule.group is not None:
            return rule.group
        return {"kind": kind, "severity": str(severity), "signal": signal}[self.group_by]

    def is_muted(self, signal: str) -> bool:
        """Whether the rules keep the alerts of a signal silent: they are rows, and nobody is told."""
        rule = self.rule_of(signal)
        return rule is not None and rule.muted


__all__ = ["AlertRule", "Alerts", "Health", "Hook"]
