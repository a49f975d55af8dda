"""The filter language of every list, compiled to SQL with bound parameters; its grammar is `app.store.queries.syntax`.

`words` (all must occur) · `key:value` (`*` stands for anything) · `key > 0.8` · `key != value` · `!not` · `a | b` ·
`a and (b or c)` · `metrics.auc`, `params.learner`, `tags.team` · quotes keep spaces together.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from app.domain.errors import Usage
from app.store.queries.syntax import All, Comparison, Either, Node, Not, Word, parse, wrong


class Kind(StrEnum):
    """How the values of a field compare; words are kept in lower case, so that an index serves them."""

    TEXT = "text"
    EXACT = "exact"
    WORD = "word"
    PREFIX = "prefix"
    NUMBER = "number"
    SECONDS = "seconds"
    TIME = "time"


@dataclass(frozen=True)
class Field:
    """A key of the language: the SQL expression behind it, and how it compares.

    `within` holds `{}` for a test of an expression of another table; `indexed` is the same for a query that an index
    serves, and empty when none does. A list walks its own order and tests row by row, so its condition is written in a
    way that no index can take over: a database would else sort all that the index finds.
    """

    sql: str
    kind: Kind = Kind.TEXT
    within: str = "{}"
    indexed: str = ""

    @property
    def walked(self) -> str:
        """The expression for the test of one row."""
        if not self.indexed or self.kind is Kind.TEXT or self.within != "{}":
            return self.sql
        return f"({self.sql} + 0)" if self.kind in (Kind.NUMBER, Kind.SECONDS) else f"({self.sql} || '')"


@dataclass(frozen=True)
class Shelf:
    """Values kept under any name (`metrics.NAME`): how to ask for one, and how to find the ids of all that match.

    Both texts hold `{name}` and `{test}`; `numbers` and `texts` say which columns a value stands in.
    """

    names: tuple[str, ...]
    sql: str
    ids: str
    number: str | None = None
    text: str | None = None
    plain: str = ""
    """What a test of the text column needs beside it, for an index that holds only texts."""


@dataclass(frozen=True)
class Language:
    """The keys that a list knows, what plain words look at, and its shelves; bare names with `<` or `>` are metrics.

    `ids` selects the ids of rows that pass a test of an indexed field; it holds `{test}`.
    """

    fields: Mapping[str, Field]
    words: tuple[str, ...]
    shelves: tuple[Shelf, ...] = ()
    ids: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Keys that are `yes` or `no`, and the condition for yes."""


@dataclass(frozen=True)
class Filter:
    """A condition in SQL and the values it binds; nothing typed by a person stands in the SQL itself.

    `narrow` are queries of ids, each over an index, of which every row must be one; `ranges` are tests by the name of
    a metric or the column of a field, which a list in that order can take as bounds.
    """

    text: str
    sql: str
    parameters: Mapping[str, str | float] = field(default_factory=dict)
    narrow: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()


_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_ORDER = {"<", "<=", ">", ">="}
_SPECIAL = ("nan", "inf", "-inf")
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
SHORT_TEXT = 200
"""Texts up to this length are found by an index."""


def compile_filter(text: str, language: Language) -> Filter:
    """Compile a filter; raises Usage naming the position of what is wrong.

    >>> language = Language({"flow": Field("r.flow", Kind.WORD)}, words=("r.flow",))
    >>> made = compile_filter("flow = train or !x", language)
    >>> made.sql
    "(r.flow = :f0 OR NOT coalesce((lower(r.flow) LIKE :f1 ESCAPE '\\\\'), FALSE))"
    >>> dict(made.parameters)
    {'f0': 'train', 'f1': '%x%'}
    >>> compile_filter("flow:", language)
    Traceback (most recent call last):
    app.domain.errors.Usage: filter position 1: flow: needs a value
      next: trainmaster runs ls --help
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise wrong("half of a surrogate pair is no character", error.start + 1) from None
    tree = parse(text)
    compiler = _Compiler(language)
    sql = compiler.node(tree)
    compiler.look_for_indexes(tree)
    return Filter(
        text,
        sql,
        compiler.parameters,
        tuple(compiler.narrow),
        {name: tuple(tests) for name, tests in compiler.ranges.items()},
        frozenset(compiler.keys),
    )


class _Compiler:
    def __init__(self, language: Language) -> None:
        self.language = language
        self.parameters: dict[str, str | float] = {}
        self._names: dict[tuple[type, str | float], str] = {}
        self.narrow: list[str] = []
        self.ranges: dict[str, list[str]] = {}
        self.keys: set[str] = set()

    def bind(self, value: str | float) -> str:
        name = self._names.setdefault((type(value), value), f"f{len(self.parameters)}")
        self.parameters[name] = value
        return f":{name}"

    def node(self, node: Node) -> str:
        match node:
            case Word():
                return self.word(node.text)
            case Comparison():
                return self.comparison(node)
            case Not():
                return f"NOT coalesce({self.node(node.part)}, FALSE)"
            case All(parts=()):
                return ""
            case All():
                return "(" + " AND ".join(self.node(part) for part in node.parts) + ")"
            case Either():
                return "(" + " OR ".join(self.node(part) for part in node.parts) + ")"

    def word(self, text: str) -> str:
        bound = self.bind(f"%{_like(text.lower())}%")
        places = [f"lower({place}) LIKE {bound} ESCAPE '\\'" for place in self.language.words]
        return "(" + " OR ".join(places) + ")"

    def comparison(self, found: Comparison) -> str:
        key = found.key.lower()
        if key in self.language.flags:
            self.keys.add(key)
            return self.flag(found, self.language.flags[key])
        if key in self.language.fields:
            self.keys.add(key)
            known = self.language.fields[key]
            return known.within.format(self.test_of_field(known.walked, known.kind, found))
        shelf, name = self.shelf_of(found)
        return shelf.sql.format(name=self.bind(name), test=self.test_on_shelf(shelf, found))

    def flag(self, found: Comparison, condition: str) -> str:
        wanted = _YES.get(found.value.lower())
        if wanted is None or found.operator in _ORDER:
            raise wrong(f"{found.key} is yes or no; write {found.key}:yes", found.position)
        yes = wanted is (found.operator != "!=")
        return condition if yes else f"NOT ({condition})"

    def shelf_of(self, found: Comparison) -> tuple[Shelf, str]:
        """The shelf of a key such as `metrics.auc` and the name on it; a bare name next to `<` or `>` is a metric."""
        prefix, dot, name = found.key.partition(".")
        for shelf in self.language.shelves:
            if dot and name and prefix.lower() in shelf.names:
                return shelf, name
        if found.operator in _ORDER and self.language.shelves:
            return self.language.shelves[0], found.key
        known = [*self.language.fields, *self.language.flags]
        close = difflib.get_close_matches(found.key.lower(), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"keys are {', '.join(sorted(known))}"
        if self.language.shelves:
            hint += " (other names: " + ", ".join(f"{shelf.names[0]}.NAME" for shelf in self.language.shelves) + ")"
        raise wrong(f"there is no key {found.key!r}; {hint}", found.position)

    # -- tests ---------------------------------------------------------------------------------------------------

    def test_of_field(self, sql: str, kind: Kind, found: Comparison) -> str:
        operator = "=" if found.operator == ":" else found.operator
        match kind:
            case Kind.NUMBER | Kind.SECONDS:
                return f"{sql} {_sql(operator)} {self.bind(_number(found, kind))}"
            case Kind.TIME if operator in _ORDER:
                return f"{sql} {operator} {self.bind(_time(found))}"
            case _ if operator in _ORDER:
                raise wrong(f"{found.key} is text; write {found.key}:VALUE", found.position)
            case Kind.TEXT:
                return self.text_test(f"lower({sql})", found.value.lower(), operator)
            case Kind.EXACT:
                return self.text_test(sql, found.value, operator)
            case Kind.WORD:
                return self.text_test(sql, found.value.lower(), operator)
            case Kind.PREFIX:
                return self.begins(sql, found.value.lower(), operator)
            case Kind.TIME:
                return self.begins(sql, found.value.upper(), operator)

    def begins(self, sql: str, value: str, operator: str) -> str:
        """A beginning, as a range that an index serves."""
        inside = f"({sql} >= {self.bind(value)} AND {sql} < {self.bind(value + chr(0x10FFFF))})"
        return f"({sql} IS NOT NULL AND NOT {inside})" if operator == "!=" else inside

    def text_test(self, sql: str, value: str, operator: str) -> str:
        if "*" in value:
            pattern = "%".join(_like(part) for part in value.split("*"))
            return f"{sql} {'NOT LIKE' if operator == '!=' else 'LIKE'} {self.bind(pattern)} ESCAPE '\\'"
        return f"{sql} {_sql(operator)} {self.bind(value)}"

    def test_on_shelf(self, shelf: Shelf, found: Comparison) -> str:
        operator = "=" if found.operator == ":" else found.operator
        number = _finite(found.value)
        if shelf.number and operator in _ORDER:
            return f"{shelf.number} {operator} {self.bind(_number(found, Kind.NUMBER))}"
        if operator in _ORDER:
            raise wrong(f"{found.key} is text; write {found.key}:VALUE", found.position)
        if shelf.number and number is not None:
            if shelf.text and operator == "!=":
                return f"({shelf.number} IS NULL OR {shelf.number} <> {self.bind(number)})"
            return f"{shelf.number} {_sql(operator)} {self.bind(number)}"
        if shelf.text:
            return self.text_test(shelf.text, found.value, operator)
        if found.value.lower() in _SPECIAL:
            return f"special {_sql(operator)} {self.bind(found.value.lower())}"
        raise wrong(f"{found.value!r} is not a number", found.value_position)

    # -- what an index can find ----------------------------------------------------------------------------------

    def look_for_indexes(self, tree: Node) -> None:
        """Queries of ids for what every row must pass."""
        for part in tree.parts if isinstance(tree, All) else (tree,):
            if isinstance(part, All):
                self.look_for_indexes(part)
                continue
            ids = self.ids_of(part)
            if ids:
                self.narrow.append(ids)
            if isinstance(part, Comparison):
                self.look_for_bounds(part)

    def ids_of(self, node: Node) -> str:
        """The ids of all that pass, by indexes alone; nothing when these cannot say it."""
        if isinstance(node, Either):
            queries = [self.ids_of(part) for part in node.parts]
            return " UNION ALL ".join(queries) if all(queries) else ""
        if not isinstance(node, Comparison) or node.operator == "!=" or "*" in node.value:
            return ""
        known = self.language.fields.get(node.key.lower())
        if known is not None:
            if not known.indexed or not self.language.ids:
                return ""
            test = known.indexed.format(self.test_of_field(known.sql, known.kind, node))
            return self.language.ids.format(test=test)
        if node.key.lower() in self.language.flags:
            return ""
        shelf, name = self.shelf_of(node)
        test = self.test_on_shelf(shelf, node)
        is_text = shelf.text is not None and test.startswith(shelf.text)
        if test.startswith("special") or (is_text and len(node.value) > SHORT_TEXT):
            return ""
        plain = f" AND {shelf.plain}" if is_text and shelf.plain else ""
        return shelf.ids.format(name=self.bind(name), test=test + plain)

    def look_for_bounds(self, node: Comparison) -> None:
        """A test of a number or a time, for a list in the order of that number or time."""
        known = self.language.fields.get(node.key.lower())
        if known is not None and known.indexed and node.operator != "!=" and known.kind in (Kind.SECONDS, Kind.TIME):
            self.ranges.setdefault(known.sql, []).append(self.test_of_field(known.sql, known.kind, node))
        elif known is None and node.key.lower() not in self.language.flags and node.operator in _ORDER:
            shelf, name = self.shelf_of(node)
            if shelf is self.language.shelves[0]:
                self.ranges.setdefault(name, []).append(self.test_on_shelf(shelf, node))


def _sql(operator: str) -> str:
    return "<>" if operator == "!=" else operator


def _like(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _number(found: Comparison, kind: Kind) -> float:
    scale, digits = 1.0, found.value
    if kind is Kind.SECONDS and digits[-1].lower() in _SECONDS:
        scale, digits = _SECONDS[digits[-1].lower()], digits[:-1]
    try:
        number = float(digits) * scale
    except ValueError:
        raise wrong(f"{found.value!r} is not a number", found.value_position) from None
    if not math.isfinite(number):
        raise wrong(f"{found.value!r} is not a finite number", found.value_position)
    return number


def _time(found: Comparison) -> str:
    try:
        moment = datetime.fromisoformat(found.value)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError):
        raise wrong(
            f"{found.value!r} is not a time such as 2013-04-01 or 2013-04-01T06:30Z", found.value_position
        ) from None


__all__ = ["Field", "Filter", "Kind", "Language", "Shelf", "Usage", "compile_filter"]
