"""The text boundary: a value from outside becomes text that no terminal obeys."""

import unicodedata

LONGEST = 500


def visible(value: object, *, longest: int = LONGEST) -> str:
    r"""A value as one line of harmless text: control, format and unassigned characters are shown as escapes.

    Longer values are cut, with the count of what is missing.

    >>> visible("a\x1b]52;c;x\a")
    'a\\x1b]52;c;x\\x07'
    >>> visible("line\nnext\u202e"), visible("x" * 12, longest=10)
    ('line\\nnext\\u202e', 'xxxxxxxxxx… (+2)')
    """
    text = value if isinstance(value, str) else text_of(value)
    rest = len(text) - longest
    if rest > 0:
        text = text[:longest]
    if not text.isascii() or not text.isprintable():
        text = "".join(_shown(character) for character in text)
    return f"{text}… (+{rest})" if rest > 0 else text


def text_of(value: object) -> str:
    """The text of any object, also of one whose own `__str__` fails."""
    try:
        return str(value)
    except Exception:  # an object of the user's, whose own code fails
        return f"<{type(value).__name__} that cannot be written>"


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    short = {9: r"\t", 10: r"\n", 13: r"\r"}.get(code)
    if short:
        return short
    return f"\\x{code:02x}" if code < 0x100 else (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
