"""Glyph sets: braille, block and ASCII; a state is a glyph, a word and an ink, so that none of them is needed alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Glyphs:
    """Every sign that the screens use."""

    name: str
    ok: str
    bad: str
    live: str
    alert: str
    wait: str
    star: str
    cursor: str
    mark: str
    arrow: str
    full: str
    empty: str
    shade: str
    dark: str
    down: str
    up: str
    enter: str
    spark: str


BRAILLE = Glyphs("braille", "✓", "✗", "●", "▲", "…", "★", "▌", "■", "▸", "█", "░", "░", "▓", "▼", "▲", "↵", "braille")
BLOCK = Glyphs("block", "✓", "✗", "●", "▲", "…", "★", "▌", "■", "▸", "█", "░", "░", "▓", "▼", "▲", "↵", "▁▂▃▄▅▆▇█")
ASCII = Glyphs("ascii", "+", "x", "*", "!", "~", "*", ">", "#", ">", "#", "-", ".", "#", "v", "^", "enter", "_.-=+#")

SETS = {glyphs.name: glyphs for glyphs in (BRAILLE, BLOCK, ASCII)}


def state_of(word: str, glyphs: Glyphs) -> tuple[str, str]:
    """The glyph and the ink of a state's word.

    >>> state_of("failed", BRAILLE), state_of("running", ASCII)
    (('✗', 'bad'), ('*', 'accent'))
    """
    match word:
        case "completed" | "up" | "active" | "production" | "resolved" | "passed" | "ok" | "released" | "green":
            return glyphs.ok, "ok"
        case "failed" | "crashed" | "critical" | "error" | "red":
            return glyphs.bad, "bad"
        case "running" | "starting" | "building":
            return glyphs.live, "accent"
        case "open" | "warning" | "backing-off":
            return glyphs.alert, "warn"
        case "requested" | "staging":
            return glyphs.wait, "warn"
        case _:
            return "·", "dim"
