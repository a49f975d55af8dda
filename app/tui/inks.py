"""Inks: the few meanings that colour carries, made from the colours of whichever theme is on."""

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from textual.color import Color, ColorParseError

NAMES = ("", "bold", "dim", "faint", "ok", "bad", "warn", "accent", "key", "head", "mark", "reference", "now", "here")


class Inks:
    """Styles by name, on the background of a panel or of the row under the cursor."""

    def __init__(self, variables: Mapping[str, str], *, mono: bool = False) -> None:
        background = _colour(variables, "background", "#121212")
        foreground = _colour(variables, "foreground", "#e0e0e0")
        accent = _colour(variables, "accent", "#ffa62b")
        primary = _colour(variables, "primary", "#0178d4")
        self._colours = {
            "": foreground,
            "bold": foreground,
            "dim": foreground.blend(background, 0.38),
            "faint": foreground.blend(background, 0.68),
            "ok": _colour(variables, "success", "#4ebf71"),
            "bad": _colour(variables, "error", "#ba3c5b"),
            "warn": _colour(variables, "warning", "#ffa62b"),
            "accent": accent,
            "key": accent,
            "head": foreground.blend(background, 0.30),
            "mark": accent,
            "reference": foreground.blend(background, 0.45),
            "now": primary if mono else _readable(primary, background, foreground),
            "here": foreground,
        }
        self.background = background
        self.cursor = foreground.blend(background, 0.55) if mono else primary.blend(background, 0.62)
        self.cursor_away = foreground.blend(background, 0.86)
        self._mono = mono
        self.style = lru_cache(maxsize=256)(self._style)

    def _style(self, name: str, ground: str = "") -> Style:
        colour = self._colours.get(name, self._colours[""])
        under = {"cursor": self.cursor, "away": self.cursor_away}.get(ground, self.background)
        bold = name in ("bold", "key", "head", "here") or (self._mono and name in ("ok", "bad", "warn", "mark"))
        return Style(
            color=colour.rich_color,
            bgcolor=under.rich_color,
            bold=bold or None,
            reverse=True if name == "here" else None,
            underline=True if self._mono and name == "bad" else None,
        )


def _colour(variables: Mapping[str, str], name: str, default: str) -> Color:
    try:
        colour = Color.parse(variables.get(name, default))
    except ColorParseError:
        return Color.parse(default)
    return Color.parse(default) if colour.ansi is not None or colour.a == 0 else colour.with_alpha(1.0)


def _readable(colour: Color, background: Color, foreground: Color) -> Color:
    """Blend a colour towards the foreground until it stands out from the background."""
    near = abs(colour.brightness - background.brightness) < 0.25
    return colour.blend(foreground, 0.35) if near else colour
