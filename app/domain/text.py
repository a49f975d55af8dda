"""The text boundary: a value from outside becomes text that no terminal obeys."""

LONGEST = 500
_SPACES = {"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u3000": "  "}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e", "\x07": "\\a"}


def visible(value: object, *, longest: int = LONGEST) -> str:
    r"""A value as one line of harmless text: control, format and unassigned characters are shown as escapes.

    Longer values are cut, with the count of what is missing.

    >>> visible("a\x1b]52;c;x\a")
    'a\\e]52;c;x\\a'
    >>> visible("line\nnext\u202e"), visible("x" * 12, longest=10)
    ('line\\nnext\\u202e', 'xxxxxxxxxx… (+2)')
    """
    text = value if isinstance(value, str) else text_of(value)
    rest = len(text) - longest
    if rest > 0:
        text = text[:longest]
    if not text.isprintable():
        text = "".join(character if character.isprintable() else escape(character) for character in text)
    return f"{text}… (+{rest})" if rest > 0 else text


def text_of(value: object) -> str:
    """The text of any object, also of one whose own `__str__` fails."""
    try:
        return str(value)
    except Exception:  # an object of the user's, whose own code fails
        return f"<{type(value).__name__} that cannot be written>"


def escape(character: str) -> str:
    r"""A character that cannot be printed, as one can read it.

    >>> escape("\x9b"), escape("\u202e"), escape("\u3000")
    ('\\x9b', '\\u202e', '  ')
    """
    if character in _SPACES:
        return _SPACES[character]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
