"""Steps 4, 5 and 8: `[sources.NAME]` and the rules of their columns."""

from typing import Literal

from pydantic import Field

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
    privacy: Literal["public", "internal", "personal", "protected"] = "internal"
    reason: str = ""


class Source(Connection):
    """Steps 5 and 8: where raw rows come from, and what they must hold."""

    columns: dict[Column, ColumnRule] = Field(default_factory=dict)
    unique_key: tuple[Column, ...] = Field(default=(), strict=False)
    time: Column | None = None
    max_quarantined_share: Share = 0.1
    minimum_rows: int = Field(default=1, ge=0)
