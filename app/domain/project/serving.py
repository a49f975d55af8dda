"""Step 25: `[serving]`, how long a candidate is tried beside production before it takes over."""

from typing import Self

from pydantic import Field, model_validator

from app.domain.project.freshness import Freshness
from app.domain.project.section import Section, Share


class Serving(Section):
    """Shadow and canary of a candidate, and the watch after the switch; without minutes there is none of them.

    In the shadow the candidate answers a copy of the requests and nobody sees it; in the canary `canary_share` of the
    entities get its answers. `minimum_requests` must be seen in each, within `patience_minutes` after its time. A
    limit that is None is not asked. For `watch_minutes` after a promotion the version before stands by: it answers
    what the new one cannot, and takes over again when the new one is beyond a limit. Disagreement is the share of rows
    for which the two versions decide differently: another likeliest class, or for a number a difference above
    `tolerance`.

    >>> Serving(shadow_minutes=5).asked, Serving().asked
    (True, False)
    """

    shadow_minutes: float = Field(default=0.0, ge=0, le=60 * 24 * 30)
    canary_share: Share = 0.0
    canary_minutes: float = Field(default=0.0, ge=0, le=60 * 24 * 30)
    minimum_requests: int = Field(default=100, ge=1)
    patience_minutes: float = Field(default=60.0, ge=0)
    watch_minutes: float = Field(default=10.0, ge=0, le=60 * 24 * 30)
    maximum_error_share: Share | None = 0.01
    maximum_disagreement: Share | None = None
    maximum_latency_ratio: float | None = Field(default=None, gt=0)
    tolerance: float = Field(default=0.0, ge=0)
    features: Freshness = Field(default_factory=Freshness)

    @property
    def asked(self) -> bool:
        """Whether a candidate is tried at all."""
        return self.shadow_minutes > 0 or self.canary_minutes > 0

    @property
    def compared(self) -> bool:
        """Whether a limit needs the other version's answers to the same requests."""
        return self.maximum_disagreement is not None or self.maximum_latency_ratio is not None

    @property
    def steps(self) -> tuple[str, ...]:
        """What a promotion goes through besides its tests, in words.

        >>> Serving(shadow_minutes=30, canary_share=0.1, canary_minutes=60, watch_minutes=0).steps
        ('first 30 min in the shadow, then a canary of 10 % for 60 min',)
        >>> Serving().steps
        ('the version before stands by for 10 min, and takes over again beyond a limit',)
        """
        trial = [f"{self.shadow_minutes:g} min in the shadow"] if self.shadow_minutes > 0 else []
        trial += [f"a canary of {self.canary_share:.0%} for {self.canary_minutes:g} min".replace("%", " %")] * (
            self.canary_minutes > 0
        )
        watch = f"the version before stands by for {self.watch_minutes:g} min, and takes over again beyond a limit"
        return (*(["first " + ", then ".join(trial)] if trial else []), *([watch] if self.watch_minutes > 0 else []))

    @model_validator(mode="after")
    def _canary_is_whole(self) -> Self:
        if (self.canary_minutes > 0) != (self.canary_share > 0):
            raise ValueError("a canary needs both canary_share and canary_minutes")
        return self
