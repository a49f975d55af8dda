"""Steps 4, 5 and 8: `[sources.NAME]` and the rules of their columns."""

import hashlib
from typing import Literal, Self

from pydantic import Field, model_validator

from app.domain.project.connections import Connection
from app.domain.project.section import Column, Section, Share


class ColumnRule(Section):
    """Step 4: what one column of a source must hold; a row that breaks it goes to quarantine."""

    type: Literal["integer", "number", "text", "boolean", "time"] | None = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str | int, ...] | None = Field(default=None, strict=False)
    unique: bool = False
    max_missing_share: Share | None = None
    privacy: Literal["public", "internal", "personal", "protected"] = "internal"
    reason: str = ""

    @property
    def is_private(self) -> bool:
        """Whether its values stay out of profiles and messages: only counts of them are shown."""
        return self.privacy in ("personal", "protected")


class Source(Connection):
    """Steps 5 and 8: where raw rows come from, and what they must hold."""

    columns: dict[Column, ColumnRule] = Field(default_factory=dict)
    unique_key: tuple[Column, ...] = Field(default=(), strict=False)
    time: Column | None = None
    max_quarantined_share: Share = 0.1
    minimum_rows: int = Field(default=1, ge=0)
    minimum_batch_rows: int = Field(default=0, ge=0)
    maximum_batch_rows: int | None = Field(default=None, ge=1)
    max_age_hours: float | None = Field(default=None, gt=0)
    sign_off: Literal["optional", "required"] = "optional"

    @model_validator(mode="after")
    def _limits_fit(self) -> Self:
        if self.max_age_hours is not None and self.time is None:
            raise ValueError("max_age_hours needs `time`, the column that says how old a row is")
        if self.maximum_batch_rows is not None and self.maximum_batch_rows < self.minimum_batch_rows:
            raise ValueError("maximum_batch_rows is below minimum_batch_rows: no batch could keep both")
        return self

    @property
    def requirement_digest(self) -> str:
        """SHA-256 of what two roles agree on: columns, keys, time and limits, not where the rows come from."""
        agreed = {
            "columns", "unique_key", "time", "max_quarantined_share", "minimum_rows", "minimum_batch_rows",
            "maximum_batch_rows", "max_age_hours",
        }  # fmt: skip
        return hashlib.sha256(self.model_dump_json(include=agreed).encode()).hexdigest()
