"""The filter language of every list, compiled to SQL with bound parameters.

`words` (all must occur) · `key:value` (`*` stands for anything) · `key>0.8`, `>=`, `<`, `<=` · `!not` · `a | b`
(binds loosest) · quotes keep spaces together.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from app.domain.errors import Usage


class Kind(StrEnum):
    """How the values of a field compare; words are kept in lower case, so that an index serves them."""

    TEXT = "text"
    WORD = "word"
    PREFIX = "prefix"
    NUMBER = "number"
    SECONDS = "seconds"
    TIME = "time"


@dataclass(frozen=True)
class Field:
    """A key of the language: the SQL expression behind it, and how it compares."""

    sql: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True)
class Language:
    """The keys that a list knows, what plain words look at, and where numbers and texts by any name are found.

    `number_sql` holds `{name}` and `{test}` (a comparison of the column `value`); `text_sql` the same.
    """

    fields: Mapping[str, Field]
    words: tuple[str, ...]
    number_sql: str = ""
    text_prefix: str = ""
    text_sql: str = ""


@dataclass(frozen=True)
class Filter:
    """A condition in SQL and the values it binds; nothing typed by a person stands in the SQL itself."""

    text: str
    sql: str
    parameters: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Token:
    """A piece of the text, with its position (from 1)."""

    text: str
    position: int
    bare: bool


_TOKEN = re.compile(r'\s*(?:(?P<bar>\|)|(?P<term>(?:"(?:[^"\\]|\\.)*"|[^\s|"])+)|(?P<open>"))')
_COMPARISON = re.compile(r"(?P<key>[^<>:]+?)(?P<operator><=|>=|<|>|:)(?P<value>.*)", re.DOTALL)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
NEXT = "trainmaster runs ls --help"


def compile_filter(text: str, language: Language) -> Filter:
    """Compile a filter; raises Usage naming the position of what is wrong.

    >>> language = Language({"flow": Field("r.flow")}, words=("r.flow",), number_sql="has({name}, {test})")
    >>> made = compile_filter("flow:train auc>0.8", language)
    >>> made.sql
    '(lower(r.flow) = :f0 AND has(:f1, value > :f2))'
    >>> dict(made.parameters)
    {'f0': 'train', 'f1': 'auc', 'f2': 0.8}
    >>> compile_filter("flow:", language)
    Traceback (most recent call last):
    app.domain.errors.Usage: filter position 1: flow: needs a value
      next: trainmaster runs ls --help
    """
    tokens = tokens_of(text)
    compiler = _Compiler(language)
    groups: list[list[str]] = [[]]
    bar: int | None = None
    for token in tokens:
        if token.text == "|" and token.bare:
            if not groups[-1]:
                raise _usage("| needs a term on its left", token.position)
            groups.append([])
            bar = token.position
        else:
            groups[-1].append(compiler.term(token))
    if bar is not None and not groups[-1]:
        raise _usage("| needs a term on its right", bar)
    alternatives = [" AND ".join(group) for group in groups if group]
    sql = " OR ".join(f"({one})" for one in alternatives) if alternatives else ""
    return Filter(text, f"({sql})" if len(alternatives) > 1 else sql, compiler.parameters)


def tokens_of(text: str) -> list[Token]:
    """Cut a filter into terms and bars; raises Usage for a quote that does not end."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            break
        if found["open"]:
            raise _usage("the quote does not end", found.start("open") + 1)
        kind = "bar" if found["bar"] else "term"
        tokens.append(Token(found[kind], found.start(kind) + 1, kind == "bar"))
        at = found.end()
    return tokens


class _Compiler:
    def __init__(self, language: Language) -> None:
        self.language = language
        self.parameters: dict[str, str | float] = {}

    def bind(self, value: str | float) -> str:
        name = f"f{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def term(self, token: Token) -> str:
        text, position = token.text, token.position
        if text.startswith("!"):
            if text == "!":
                raise _usage("! needs a term after it", position)
            inner = self.term(Token(text[1:], position + 1, False))
            return f"NOT coalesce({inner}, FALSE)"
        quoted_word = re.fullmatch(r'"(?:[^"\\]|\\.)*"', text, re.DOTALL)
        comparison = None if quoted_word else _COMPARISON.fullmatch(_masked(text))
        if comparison is None:
            return self.word(_unquoted(text))
        key = _unquoted(text[: comparison.end("key")])
        operator = comparison["operator"]
        value = _unquoted(text[comparison.start("value") :])
        if not value:
            raise _usage(f"{key}{operator} needs a value", position)
        if operator == ":":
            return self.equals(key, value, position)
        return self.compares(key, operator, value, position)

    def word(self, text: str) -> str:
        bound = self.bind(f"%{_like(text.lower())}%")
        places = [f"lower({place}) LIKE {bound} ESCAPE '\\'" for place in self.language.words]
        return "(" + " OR ".join(places) + ")"

    def equals(self, key: str, value: str, position: int) -> str:
        known = self.language.fields.get(key.lower())
        prefix = self.language.text_prefix
        if known is None and prefix and key.startswith(prefix) and len(key) > len(prefix):
            test = self.text_test("value", value, exact_case=True)
            return self.language.text_sql.format(name=self.bind(key[len(prefix) :]), test=test)
        if known is None:
            keys = ", ".join(sorted(self.language.fields))
            raise _usage(f"there is no key {key!r}; keys are {keys}", position)
        match known.kind:
            case Kind.TEXT:
                return self.text_test(known.sql, value)
            case Kind.WORD:
                return self.text_test(known.sql, value.lower(), exact_case=True)
            case Kind.PREFIX:
                return f"{known.sql} LIKE {self.bind(_like(value.lower()) + '%')} ESCAPE '\\'"
            case Kind.NUMBER | Kind.SECONDS:
                return f"{known.sql} = {self.bind(_number(value, known.kind, position))}"
            case Kind.TIME:
                return f"{known.sql} LIKE {self.bind(_like(value.upper()) + '%')} ESCAPE '\\'"

    def text_test(self, sql: str, value: str, *, exact_case: bool = False) -> str:
        left = sql if exact_case else f"lower({sql})"
        wanted = value if exact_case else value.lower()
        if "*" in wanted:
            pattern = "%".join(_like(part) for part in wanted.split("*"))
            return f"{left} LIKE {self.bind(pattern)} ESCAPE '\\'"
        return f"{left} = {self.bind(wanted)}"

    def compares(self, key: str, operator: str, value: str, position: int) -> str:
        known = self.language.fields.get(key.lower())
        if known is None:
            if not self.language.number_sql:
                raise _usage(f"there is no key {key!r}", position)
            name = self.bind(key)
            limit = self.bind(_number(value, Kind.NUMBER, position))
            return self.language.number_sql.format(name=name, test=f"value {operator} {limit}")
        match known.kind:
            case Kind.NUMBER | Kind.SECONDS:
                return f"{known.sql} {operator} {self.bind(_number(value, known.kind, position))}"
            case Kind.TIME:
                return f"{known.sql} {operator} {self.bind(_time(value, position))}"
            case Kind.TEXT | Kind.WORD | Kind.PREFIX:
                raise _usage(f"{key} is text; write {key}:VALUE", position)


def _masked(text: str) -> str:
    """The text with every quoted character replaced, so that operators inside quotes are not seen."""
    return re.sub(r'"(?:[^"\\]|\\.)*"', lambda found: "x" * len(found[0]), text, flags=re.DOTALL)


def _unquoted(text: str) -> str:
    return re.sub(
        r'"((?:[^"\\]|\\.)*)"',
        lambda found: re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL),
        text,
        flags=re.DOTALL,
    )


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _number(text: str, kind: Kind, position: int) -> float:
    scale = 1.0
    digits = text
    if kind is Kind.SECONDS and text and text[-1].lower() in _SECONDS:
        scale, digits = _SECONDS[text[-1].lower()], text[:-1]
    try:
        number = float(digits) * scale
    except ValueError:
        raise _usage(f"{text!r} is not a number", position) from None
    if not math.isfinite(number):
        raise _usage(f"{text!r} is not a finite number", position)
    return number


def _time(text: str, position: int) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _usage(f"{text!r} is not a time such as 2013-04-01 or 2013-04-01T06:30Z", position) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _usage(message: str, position: int) -> Usage:
    return Usage(message, where=f"filter position {position}", next_step=NEXT)
