"""How times, durations, sizes and numbers are written on a screen: short, aligned, with a unit."""

import math
from datetime import UTC, datetime

from app.tui.text import plain


def moment(text: str | datetime | None) -> datetime | None:
    """The moment of a stored time; None for what is none.

    >>> moment("2013-04-01T10:00:00.000000Z").hour, moment("soon"), moment(None)
    (10, None, None)
    """
    if text is None or isinstance(text, datetime):
        return text
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ago(text: str | datetime | None, now: datetime) -> str:
    """How long ago, in its largest unit.

    >>> now = datetime(2013, 4, 1, 12, tzinfo=UTC)
    >>> ago("2013-04-01T11:48:00Z", now), ago("2013-03-30T12:00:00Z", now), ago(None, now)
    ('12 m', '2 d', '–')
    """
    then = moment(text)
    return "–" if then is None else span(max((now - then).total_seconds(), 0.0))


def span(seconds: float | None) -> str:
    """A span of time in its largest unit.

    >>> span(7), span(95), span(7300), span(None)
    ('7 s', '1 m', '2 h', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def lasted(seconds: float | None) -> str:
    """A duration with the digits that matter.

    >>> lasted(0.42), lasted(41.2), lasted(251), lasted(3725), lasted(None)
    ('0.4 s', '41 s', '4 m 11', '1 h 02', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d}"
    return f"{whole // 3600} h {whole % 3600 // 60:02d}"


def start(text: str | datetime | None, now: datetime) -> str:
    """When something began: the clock today, the day this week, else the date.

    >>> now = datetime(2013, 4, 3, 12, tzinfo=UTC)
    >>> start("2012-04-03T09:00:00Z", now)
    '2012-04-03'
    """
    then = moment(text)
    if then is None:
        return "–"
    here, today = then.astimezone(), now.astimezone()
    days = (today.date() - here.date()).days
    if days == 0:
        return here.strftime("%H:%M")
    if 0 < days < 7:
        return here.strftime("%a %H:%M")
    return here.strftime("%d %b %H:%M") if here.year == today.year else here.strftime("%Y-%m-%d")


def clock(text: str | datetime | None) -> str:
    """The time of day.

    >>> clock(None)
    '–'
    """
    then = moment(text)
    return "–" if then is None else then.astimezone().strftime("%H:%M:%S")


def number(value: object, places: int = 3) -> str:
    """A number the short way: no zero before the point, thousands apart.

    >>> number(0.8712), number(-0.003), number(41202), number(1.5), number(None), number(float("nan"))
    ('.871', '-.003', '41,202', '1.500', '–', 'NaN')
    """
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return plain(value, 40)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if isinstance(value, int) or (abs(value) >= 1000 and float(value).is_integer()):
        return f"{value:,.0f}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    text = f"{value:.{places}f}"
    if abs(value) < 1 and text.lstrip("-").startswith("0."):
        return text.replace("0.", ".", 1)
    return text


def signed(value: float | None, places: int = 3) -> str:
    """A difference with its sign.

    >>> signed(0.003), signed(-0.01), signed(None)
    ('+.003', '-.010', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return ("+" if value >= 0 else "") + number(float(value), places)


def size(count: float | None) -> str:
    """Bytes in a unit that keeps two digits.

    >>> size(512), size(9_800_000), size(16 << 30), size(None)
    ('512 B', '9.3 MB', '16 GB', '–')
    """
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1024 or unit == "TB":
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return "–"


def percent(share: float | None, places: int = 0) -> str:
    """A share from 0 to 1 in percent.

    >>> percent(0.62), percent(None)
    ('62 %', '–')
    """
    return "–" if share is None or not math.isfinite(share) else f"{share * 100:.{places}f} %"
