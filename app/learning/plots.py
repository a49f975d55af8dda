"""Small plots as SVG text, without any library: lines with a band, bars, dots with intervals; labels are escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from app.domain.text import visible

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 30, 40
INK, FAINT, MAIN, SECOND = "#24292f", "#d0d7de", "#0969da", "#bf5b17"


@dataclass(frozen=True)
class Mark:
    """A labelled value with its interval."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


def text_of(value: object, *, longest: int = 60) -> str:
    """A value from outside as text that is neither markup nor an escape sequence.

    >>> text_of("<script>")
    '&lt;script&gt;'
    """
    return escape(visible(value, longest=longest), quote=True)


def curve(title: str, lines: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, x: str, y: str) -> str:
    """Lines through points (x, y), one colour each."""
    points = [point for _, line in lines for point in line]
    if not points:
        return ""
    frame = _Frame([p[0] for p in points], [p[1] for p in points])
    body = []
    for at, (name, line) in enumerate(lines):
        ink = (MAIN, SECOND, "#1a7f37", "#8250df")[at % 4]
        path = " ".join(f"{frame.x(one):.1f},{frame.y(other):.1f}" for one, other in line)
        body.append(f'<polyline fill="none" stroke="{ink}" stroke-width="2" points="{path}"/>')
        body.append(_text(WIDTH - RIGHT, TOP + 14 * (at + 1), name, ink=ink, anchor="end"))
    return _svg(title, [*frame.axes(x, y), *body])


def reliability(title: str, marks: Sequence[tuple[float, Mark]]) -> str:
    """What was promised (x) against what happened (y) with intervals, over the diagonal of perfect honesty."""
    if not marks:
        return ""
    frame = _Frame([0.0, 1.0], [0.0, 1.0])
    body = [
        f'<line x1="{frame.x(0):.1f}" y1="{frame.y(0):.1f}" x2="{frame.x(1):.1f}" y2="{frame.y(1):.1f}" '
        f'stroke="{FAINT}" stroke-dasharray="4 4"/>'
    ]
    for promised, mark in marks:
        across, up = frame.x(promised), frame.y(mark.value)
        if mark.low is not None and mark.high is not None:
            body.append(
                f'<line x1="{across:.1f}" y1="{frame.y(mark.low):.1f}" x2="{across:.1f}" y2="{frame.y(mark.high):.1f}" '
                f'stroke="{MAIN}"/>'
            )
        body.append(
            f'<circle cx="{across:.1f}" cy="{up:.1f}" r="4" fill="{MAIN}"><title>{text_of(mark.label)}</title></circle>'
        )
    return _svg(title, [*frame.axes("predicted", "observed"), *body])


def bars(title: str, marks: Sequence[Mark]) -> str:
    """A horizontal bar for each mark, the first one on top."""
    if not marks:
        return ""
    most = max((abs(mark.value) for mark in marks), default=0.0) or 1.0
    height, left = TOP + 20 * len(marks) + 10, 190
    body = []
    for at, mark in enumerate(marks):
        top, width = TOP + 20 * at, max(abs(mark.value) / most * (WIDTH - left - 80), 0.5)
        body.append(_text(left - 8, top + 12, mark.label, anchor="end"))
        body.append(f'<rect x="{left}" y="{top + 2}" width="{width:.1f}" height="13" fill="{MAIN}"/>')
        body.append(_text(left + width + 6, top + 12, f"{mark.value:.4g}"))
    return _svg(title, body, height=height)


def dots(title: str, marks: Sequence[Mark], *, line: float | None = None) -> str:
    """A dot with its interval for each mark, and a line for the value over all rows."""
    if not marks:
        return ""
    values = [n for m in marks for n in (m.value, m.low, m.high) if n is not None]
    values += [] if line is None else [line]
    low, high = min(values), max(values)
    spread, height, left = (high - low) or 1.0, TOP + 20 * len(marks) + 10, 190

    def place(value: float) -> float:
        return left + (value - low) / spread * (WIDTH - left - 90)

    body = []
    if line is not None:
        x, end = f"{place(line):.1f}", height - 8
        body.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{end}" stroke="{FAINT}" stroke-dasharray="4 4"/>')
    for at, mark in enumerate(marks):
        middle = TOP + 20 * at + 9
        body.append(_text(left - 8, middle + 4, mark.label, anchor="end"))
        if mark.low is not None and mark.high is not None:
            ends = f'x1="{place(mark.low):.1f}" x2="{place(mark.high):.1f}"'
            body.append(f'<line {ends} y1="{middle}" y2="{middle}" stroke="{MAIN}"/>')
        body.append(f'<circle cx="{place(mark.value):.1f}" cy="{middle}" r="4" fill="{MAIN}"/>')
        body.append(_text(WIDTH - RIGHT, middle + 4, f"{mark.value:.4f}", anchor="end"))
    return _svg(title, body, height=height)


class _Frame:
    """Two axes and where a number lies between them."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        self.left, self.right, self.low, self.high = min(xs), max(xs), min(ys), max(ys)

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return LEFT + (value - self.left) / ((self.right - self.left) or 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return HEIGHT - BOTTOM - (value - self.low) / ((self.high - self.low) or 1.0) * (HEIGHT - TOP - BOTTOM)

    def axes(self, x: str, y: str) -> list[str]:
        """The frame, five numbers an axis, and what the axes are."""
        box = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
        found = [f'<rect x="{LEFT}" y="{TOP}" width="{box[0]}" height="{box[1]}" fill="none" stroke="{FAINT}"/>']
        for at in range(5):
            across = self.left + (self.right - self.left) * at / 4
            up = self.low + (self.high - self.low) * at / 4
            found.append(_text(self.x(across), HEIGHT - BOTTOM + 15, f"{across:.4g}", anchor="middle"))
            found.append(_text(LEFT - 6, self.y(up) + 4, f"{up:.4g}", anchor="end"))
        found.append(_text(WIDTH / 2, HEIGHT - 8, x, anchor="middle"))
        found.append(_text(LEFT, TOP - 8, y, anchor="middle"))
        return found


def _text(x: float, y: float, value: str, *, ink: str = INK, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{ink}" text-anchor="{anchor}">{text_of(value, longest=28)}</text>'


def _svg(title: str, body: Sequence[str], *, height: float = HEIGHT) -> str:
    name = text_of(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" font-family="sans-serif" font-size="11"><title>{name}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="{WIDTH / 2}" y="14" text-anchor="middle" font-weight="bold" fill="{INK}">{name}</text>'
        f"{''.join(body)}</svg>"
    )


__all__ = ["Mark", "bars", "curve", "dots", "reliability", "text_of"]
