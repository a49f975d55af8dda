"""The one text boundary of the screens: whatever comes from outside becomes displayable text here, and only here.

A value may hold escape sequences, markup, bidi overrides or a megabyte on one line. `plain` shows such characters as
visible escapes and caps the length; `content` wraps the result for widgets that take `Content`. Nothing is ever markup.
"""

from functools import lru_cache

from textual.content import Content

from app.domain.text import escape

LIMIT = 400
"""How many characters of one value are shown at most."""


def plain(value: object, limit: int = LIMIT) -> str:
    r"""Printable one-line text of any value, at most `limit` characters; control, bidi and zero-width ones as escapes.

    >>> plain("\x1b]52;c;aGk=\x07"), plain("[@click=app.quit]x"), plain("a\nb")
    ('\\e]52;c;aGk=\\a', '[@click=app.quit]x', 'a\\nb')
    >>> plain("safe\u202egnp.exe"), plain("x" * 9, limit=5)
    ('safe\\u202egnp.exe', 'xxxx…')
    """
    text = value if type(value) is str else _text_of(value)
    if len(text) <= limit and text.isprintable():
        return text
    return _escaped(text[: limit + 1], limit)


def _text_of(value: object) -> str:
    if value is None:
        return "–"
    try:
        return str(value)
    except Exception:  # an outside object may fail at anything; the screen goes on
        return f"<{type(value).__name__}>"


@lru_cache(maxsize=4096)
def _escaped(text: str, limit: int) -> str:
    shown: list[str] = []
    length = 0
    for character in text:
        piece = character if character.isprintable() else escape(character)
        length += len(piece)
        if length > limit:
            return "".join(shown)[: limit - 1] + "…"
        shown.append(piece)
    return "".join(shown)


def content(value: object, style: str = "", limit: int = LIMIT) -> Content:
    r"""The same as `Content`, which no widget reads as markup.

    >>> content("[/x]").plain
    '[/x]'
    """
    return Content.styled(plain(value, limit), style) if style else Content(plain(value, limit))


__all__ = ["LIMIT", "content", "plain"]
