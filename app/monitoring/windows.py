"""Which window of the data a report speaks of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from app.domain.errors import Usage

SLACK = timedelta(hours=24)


@dataclass(frozen=True)
class Window:
    """Event times from `begin` (included) to `end` (excluded), both UTC; None is open."""

    begin: datetime | None
    end: datetime | None

    def __str__(self) -> str:
        if self.begin is None and self.end is None:
            return "all rows"
        if self.begin is not None and month_of(self.begin) == self:
            return f"{self.begin:%Y-%m}"
        return f"{_day(self.begin, 'the beginning')} to {_day(self.end, 'now')}"

    @property
    def calendar_month(self) -> int | None:
        """The month (1 to 12) that the whole window lies in, if it lies in one.

        >>> parse_month("2013-04").calendar_month, Window(None, None).calendar_month
        (4, None)
        """
        if self.begin is None or self.end is None:
            return None
        month = month_of(self.begin)
        return self.begin.month if month.end is not None and self.end <= month.end else None


def month_of(moment: datetime) -> Window:
    """The UTC month that a moment lies in.

    >>> str(month_of(datetime(2013, 12, 31, 23, tzinfo=UTC)))
    '2013-12'
    """
    begin = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Window(begin, (begin + timedelta(days=32)).replace(day=1))


def newest_complete_month(newest_event: datetime) -> Window:
    """The last month that the data reach the end of, by the clock of the data; a month may lack its last 24 hours.

    >>> str(newest_complete_month(datetime(2013, 4, 30, 22, tzinfo=UTC)))
    '2013-04'
    >>> str(newest_complete_month(datetime(2013, 5, 1, 3, tzinfo=UTC)))
    '2013-04'
    >>> str(newest_complete_month(datetime(2013, 5, 20, tzinfo=UTC)))
    '2013-04'
    """
    current = month_of(newest_event)
    assert current.begin is not None
    assert current.end is not None
    if newest_event >= current.end - SLACK:
        return current
    return month_of(current.begin - timedelta(days=1))


def newest_complete(newest_event: datetime, length: Literal["day", "week", "month"]) -> Window:
    """The last day, week (from Monday) or month, in UTC, that the data reach the end of.

    A day may lack its last hour, a week or a month its last 24.

    >>> str(newest_complete(datetime(2013, 4, 30, 23, 30, tzinfo=UTC), "day"))
    '2013-04-30 00:00 to 2013-05-01 00:00'
    >>> str(newest_complete(datetime(2013, 4, 30, tzinfo=UTC), "week"))
    '2013-04-22 00:00 to 2013-04-29 00:00'
    """
    if length == "month":
        return newest_complete_month(newest_event)
    step = timedelta(days=1 if length == "day" else 7)
    begin = newest_event.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if length == "week":
        begin -= timedelta(days=begin.weekday())
    slack = timedelta(hours=1) if length == "day" else SLACK
    if newest_event < begin + step - slack:
        begin -= step
    return Window(begin, begin + step)


def earlier(window: Window, length: Literal["day", "week", "month"], most: int) -> list[Window]:
    """The windows of the same length before one, the newest first.

    >>> [str(one) for one in earlier(parse_month("2013-03"), "month", 3)]
    ['2013-02', '2013-01', '2012-12']
    """
    found: list[Window] = []
    begin = window.begin
    while begin is not None and len(found) < most:
        step = timedelta(days=1 if length == "day" else 7)
        one = month_of(begin - timedelta(days=1)) if length == "month" else Window(begin - step, begin)
        found.append(one)
        begin = one.begin
    return found


def newest_rows(times: Sequence[datetime], rows: int) -> Window:
    """The window of the newest so many rows of ascending times; all of them when there are fewer; open without any.

    >>> moments = [datetime(2013, 4, day, tzinfo=UTC) for day in (1, 2, 3)]
    >>> str(newest_rows(moments, 2))
    '2013-04-02 00:00 to 2013-04-03 00:00'
    """
    if not times:
        return Window(None, None)
    return Window(times[-min(rows, len(times))], times[-1] + timedelta(microseconds=1))


def parse_month(text: str) -> Window:
    """The window of a month such as 2013-04; raises Usage.

    >>> parse_month("2013-04").end
    datetime.datetime(2013, 5, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        return month_of(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC))
    except ValueError:
        raise Usage(f"{text!r} is not a month", next_step="write it as 2013-04") from None


def _day(moment: datetime | None, otherwise: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment is not None else otherwise


__all__ = ["Window", "earlier", "month_of", "newest_complete", "newest_complete_month", "newest_rows", "parse_month"]
