"""Our own themes beside Textual's: mono, high contrast, and one that is safe for deuteranopia."""

from textual.theme import Theme

DEFAULT = "trainmaster"

THEMES = (
    Theme(
        name=DEFAULT,
        primary="#5b9bd5",
        secondary="#7a8fa6",
        accent="#e0a458",
        foreground="#d8dee6",
        background="#10141a",
        surface="#10141a",
        panel="#3a4552",
        success="#6fbf8b",
        warning="#e0a458",
        error="#e06c75",
        dark=True,
    ),
    Theme(
        name="mono",
        primary="#c8c8c8",
        secondary="#a8a8a8",
        accent="#ffffff",
        foreground="#d0d0d0",
        background="#101010",
        surface="#101010",
        panel="#505050",
        success="#f0f0f0",
        warning="#f0f0f0",
        error="#ffffff",
        dark=True,
    ),
    Theme(
        name="high-contrast",
        primary="#5fd7ff",
        secondary="#ffffff",
        accent="#ffff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#ffffff",
        success="#00ff5f",
        warning="#ffff00",
        error="#ff5f5f",
        dark=True,
    ),
    Theme(
        name="deuteranopia",
        primary="#56b4e9",
        secondary="#999999",
        accent="#f0e442",
        foreground="#dcdcdc",
        background="#10141a",
        surface="#10141a",
        panel="#3a4552",
        success="#56b4e9",
        warning="#f0e442",
        error="#e69f00",
        dark=True,
    ),
)
"""Okabe and Ito's colours (2008) carry the last one: blue is good, orange is bad, yellow warns."""
