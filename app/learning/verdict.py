"""A comparison in words: what a difference is, how sure it is, and whether it means anything."""

import math
from dataclasses import dataclass

from app.domain.problem import Direction, MetricName
from app.learning.bootstrap import Interval, Unknown


@dataclass(frozen=True)
class Verdict:
    """A gain, positive when better whatever the direction, with its interval; `significant` is None if unknown."""

    metric: str
    against: str
    gain: float
    interval: Interval | Unknown
    significant: bool | None

    @property
    def says(self) -> str:
        """The verdict as a sentence.

        >>> compare(MetricName.AUC, 0.703, 0.700, "production v3", Interval(-0.001, 0.007)).says
        'beats production v3 by .003 auc, inside ± .004: not significant'
        >>> compare(MetricName.RMSE, 2.0, 1.5, "the baseline", Interval(-0.6, -0.4)).says
        'is behind the baseline by .500 rmse, outside ± .100: significant'
        """
        unit = self.metric.replace("_", " ")
        if not math.isfinite(self.gain):
            return f"unknown: {unit} has no value against {self.against}"
        if self.gain == 0:
            return f"equals {self.against} in {unit}"
        word = "beats" if self.gain > 0 else "is behind"
        head = f"{word} {self.against} by {short(abs(self.gain))} {unit}"
        if isinstance(self.interval, Unknown):
            return f"{head}, interval {self.interval}"
        inside = "not significant" if not self.significant else "significant"
        return f"{head}, {'outside' if self.significant else 'inside'} ± {short(self.interval.half)}: {inside}"

    def as_json(self) -> dict[str, object]:
        """The same as plain values; an unknown interval is the text of its reason."""
        known = isinstance(self.interval, Interval)
        return {
            "says": self.says,
            "metric": self.metric,
            "against": self.against,
            "gain": self.gain if math.isfinite(self.gain) else None,
            "low": self.interval.low if isinstance(self.interval, Interval) else None,
            "high": self.interval.high if isinstance(self.interval, Interval) else None,
            "unknown": None if known else str(self.interval),
            "significant": self.significant,
        }


def compare(metric: MetricName, mine: float, theirs: float, against: str, gains: Interval | Unknown) -> Verdict:
    """The verdict of two numbers; `gains` is the interval of the gain over paired resamples.

    It is significant when the interval leaves 0 out.
    """
    gain = metric.gain(mine, over=theirs)
    significant = None
    if isinstance(gains, Interval) and math.isfinite(gain):
        significant = gains.low > 0 or gains.high < 0
    return Verdict(str(metric), against, gain, gains, significant)


def sign_of(metric: MetricName) -> int:
    """1 when higher is better, else -1."""
    return 1 if metric.direction is Direction.HIGHER else -1


def short(number: float) -> str:
    """A number with three digits that mean something, without a leading zero.

    >>> short(0.0031), short(0.00004), short(12.345), short(1.5)
    ('.003', '.00004', '12.3', '1.50')
    """
    size = abs(number)
    if size == 0 or not math.isfinite(number):
        return f"{number:g}"
    digits = 3 if 0.001 <= size < 1 else 2 if 1 <= size < 10 else 1 if 10 <= size < 100 else 0
    if size < 0.001:
        digits = -math.floor(math.log10(size))
    text = f"{number:.{digits}f}"
    return text.replace("0.", ".", 1) if size < 1 and not text.startswith("1") else text


__all__ = ["Verdict", "compare", "short", "sign_of"]
