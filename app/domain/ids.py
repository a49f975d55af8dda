"""Names of things: random keys, and references such as `model:flight-delay@production`."""

import re
import secrets
from dataclasses import dataclass
from typing import Self

from app.domain.errors import Usage

KEY_LENGTH = 12
NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")


def new_key() -> str:
    """A random key of 12 hexadecimal digits.

    >>> len(new_key())
    12
    """
    return secrets.token_hex(KEY_LENGTH // 2)


def is_name(text: str) -> bool:
    """Whether a text may name a project, model, source or view: at most 64 lower-case letters, digits, `-` and `_`.

    >>> is_name("flight-delay"), is_name("../etc"), is_name("Flight")
    (True, False, False)
    """
    return len(text) <= 64 and NAME.fullmatch(text) is not None


@dataclass(frozen=True, order=True)
class Ref:
    """A node of the lineage graph: kind and key, written `kind:key`.

    >>> Ref.parse("model:flight-delay@production")
    Ref(kind='model', key='flight-delay@production')
    >>> str(Ref("run", "7f3a9c1e22b0"))
    'run:7f3a9c1e22b0'
    """

    kind: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `kind:key`; raises Usage."""
        kind, colon, key = text.partition(":")
        if not colon or not kind or not key:
            raise Usage(
                f"{text!r} is not a reference of the form kind:key",
                next_step="trainmaster lineage model:NAME@production",
            )
        return cls(kind, key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"
