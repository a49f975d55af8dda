"""Secrets: named in files as ${NAME}, filled in where they are used, masked wherever a text leaves."""

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

from app.domain.errors import Refused

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SHORTEST = 3
MASK = "***"


class Secrets:
    """Fills ${NAME} in, and masks in every text what it has filled in.

    >>> secrets = Secrets({"PW": "s3cr/t"}.get)
    >>> secrets.filled_url("postgresql://ana:${PW}@db/shop")
    'postgresql://ana:s3cr%2Ft@db/shop'
    >>> secrets.masked("cannot log in with s3cr/t or s3cr%2Ft")
    'cannot log in with *** or ***'
    """

    def __init__(self, lookup: Callable[[str], str | None]) -> None:
        self._lookup = lookup
        self._used: set[str] = set()

    def __repr__(self) -> str:
        return "Secrets(...)"

    def filled(self, text: str) -> str:
        """The text with each secret as it is; raises Refused for one that is not set."""
        return PLACEHOLDER.sub(lambda found: self._value(found[1]), text)

    def filled_url(self, text: str) -> str:
        """The same for a part of a URL: percent-encoded, unless the secret is the whole URL."""
        if PLACEHOLDER.fullmatch(text):
            whole = self.filled(text)
            self._remember_parts(whole)
            return whole
        return PLACEHOLDER.sub(lambda found: quote(self._value(found[1]), safe=""), text)

    def masked(self, text: str) -> str:
        """The text with *** for every secret that was filled in, also where it is quoted or escaped."""
        for value in sorted(self._used, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def _value(self, name: str) -> str:
        value = self._lookup(name)
        if not value:
            raise Refused(
                f"the secret {name} is not set",
                next_step=f"export {name}=..., or: trainmaster data secret {name}",
            )
        self._remember(value)
        return value

    def _remember(self, value: str) -> None:
        if len(value) >= SHORTEST:
            self._used |= {value, quote(value, safe=""), quote(value), repr(value)[1:-1]}

    def _remember_parts(self, url: str) -> None:
        try:
            password = urlsplit(url).password
        except ValueError:
            return
        if password:
            self._remember(password)
            self._remember(unquote(password))
