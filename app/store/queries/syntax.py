"""The filter language's grammar: from text to a tree of tests; the same for every list, command line and screen.

    filter := all (("|" | "or") all)*           the loosest
    all    := one (["and"] one)*                terms beside each other must all hold
    one    := ("!" | "not") one | "(" filter ")" | key operator value | word

Operators are `:` and `=` (equal, `*` stands for anything), `!=`, `<`, `<=`, `>`, `>=`, with or without spaces around.
Quotes keep spaces and signs together. In a term without spaces `=` is an operator only when there is no other, so that
`slice.origin=JFK.auc>0.7` asks for the metric `slice.origin=JFK.auc`.
"""

import re
from dataclasses import dataclass

from app.domain.errors import Usage

LONGEST, MOST_TERMS, DEEPEST = 4_000, 64, 24
"""Characters, terms and nested groups of one filter: SQL built from it stays far from a database's own limits."""
NEXT = "trainmaster runs ls --help"


@dataclass(frozen=True)
class Word:
    """A plain word, to be found anywhere."""

    text: str
    position: int


@dataclass(frozen=True)
class Comparison:
    """A comparison of what stands under a key; positions count from 1."""

    key: str
    operator: str
    value: str
    position: int
    value_position: int


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: "Node"


@dataclass(frozen=True)
class All:
    """Everything must hold; nothing in it holds always."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True)
class Either:
    """One must hold."""

    parts: "tuple[Node, ...]"


Node = Word | Comparison | Not | All | Either


@dataclass(frozen=True)
class Token:
    """A piece of the text with its position (from 1); `kind` is `term`, `|`, `(` or `)`.

    `masked` is its text with every quoted character replaced, so that signs inside quotes are not seen.
    """

    kind: str
    text: str
    masked: str
    position: int


_TOKEN = re.compile(r'(?P<sign>[|()])|(?P<term>(?:"(?:[^"\\]|\\.)*"|[^\s|()"])+)|(?P<open>")', re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_STRONG = re.compile(r"<=|>=|!=|<|>|:")
_LEADING = re.compile(r"<=|>=|!=|<|>|:|=")


def parse(text: str) -> Node:
    """The tree of a filter; raises Usage that names the position of what is wrong.

    >>> parse("flow:train metrics.auc > .72")
    All(parts=(Comparison(key='flow', operator=':', value='train', position=1, value_position=6), \
Comparison(key='metrics.auc', operator='>', value='.72', position=12, value_position=26)))
    >>> parse("a or not b")
    Either(parts=(Word(text='a', position=1), Not(part=Word(text='b', position=10))))
    >>> parse("(a")
    Traceback (most recent call last):
    app.domain.errors.Usage: filter position 1: the bracket is not closed
      next: trainmaster runs ls --help
    """
    return _Parser(text).whole()


def tokens_of(text: str) -> list[Token]:
    """Cut a filter into terms and signs; raises Usage for a quote that does not end, or for too much."""
    if len(text) > LONGEST:
        raise wrong(f"a filter has at most {LONGEST:,} characters", LONGEST)
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text):
        position = found.start() + 1
        if found["open"]:
            raise wrong("the quote does not end", position)
        if found["sign"]:
            tokens.append(Token(found["sign"], found["sign"], found["sign"], position))
        else:
            masked = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), found["term"])
            tokens.append(Token("term", found["term"], masked, position))
    if len(tokens) > MOST_TERMS * 4 or sum(token.kind == "term" for token in tokens) > MOST_TERMS * 3:
        raise wrong(f"a filter has at most {MOST_TERMS} terms", tokens[-1].position)
    return tokens


def wrong(message: str, position: int) -> Usage:
    """The error about a position of the filter."""
    return Usage(message, where=f"filter position {position}", next_step=NEXT)


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = tokens_of(text)
        self.at = 0
        self.depth = 0
        self.terms = 0

    @property
    def next(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def whole(self) -> Node:
        if not self.tokens:
            return All(())
        tree = self.either()
        if self.next is not None:  # only a closing bracket ends an `either` early
            raise wrong("no bracket was opened before this one", self.next.position)
        return tree

    def either(self) -> Node:
        parts: list[Node] = []
        sign: Token | None = None
        while True:
            token = self.next
            if token is None or token.kind == ")" or _is_or(token):
                if sign is not None and (token is None or token.kind == ")"):
                    raise wrong(f"{sign.text} needs a term on its right", sign.position)
                if token is not None and _is_or(token):
                    raise wrong(f"{token.text} needs a term on its left", token.position)
                if token is not None:
                    raise wrong("there is nothing in these brackets", token.position)
            parts.append(self.all())
            sign = self.next
            if sign is None or not _is_or(sign):
                return parts[0] if len(parts) == 1 else Either(tuple(parts))
            self.at += 1

    def all(self) -> Node:
        parts = [self.one()]
        while (token := self.next) is not None and token.kind != ")" and not _is_or(token):
            if _is_word(token, "and"):
                self.at += 1
                after = self.next
                if after is None or after.kind == ")" or _is_or(after) or _is_word(after, "and"):
                    raise wrong(f"{token.text} needs a term on its right", token.position)
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Node:
        token = self.next
        assert token is not None
        if token.kind == "(":
            return self.group(token)
        if _is_word(token, "and"):
            raise wrong(f"{token.text} needs a term on its left", token.position)
        if _is_word(token, "not"):
            self.at += 1
            return self.opposite(token)
        if token.masked.startswith("!") and not token.masked.startswith("!="):
            if len(token.text) == 1:
                self.at += 1
            else:
                self.tokens[self.at] = Token("term", token.text[1:], token.masked[1:], token.position + 1)
            return self.opposite(token)
        self.terms += 1
        if self.terms > MOST_TERMS:
            raise wrong(f"a filter has at most {MOST_TERMS} terms", token.position)
        return self.term()

    def opposite(self, sign: Token) -> Node:
        after = self.next
        if after is None or after.kind in (")", "|") or _is_word(after, "or"):
            raise wrong(f"{'!' if sign.text.startswith('!') else sign.text} needs a term after it", sign.position)
        self.deeper(sign)
        part = self.one()
        self.depth -= 1
        return Not(part)

    def group(self, opening: Token) -> Node:
        self.deeper(opening)
        self.at += 1
        if self.next is None:
            raise wrong("the bracket is not closed", opening.position)
        inside = self.either()
        if self.next is None:
            raise wrong("the bracket is not closed", opening.position)
        self.at += 1
        self.depth -= 1
        return inside

    def deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise wrong(f"brackets and opposites are at most {DEEPEST} deep", token.position)

    def term(self) -> Node:
        token = self.tokens[self.at]
        self.at += 1
        if _LEADING.match(token.masked):
            raise wrong(f"{_LEADING.match(token.masked)[0]} needs a key on its left", token.position)  # type: ignore[index]
        following = self.next
        operator = following and following.kind == "term" and _LEADING.match(following.masked)
        inside = _STRONG.search(token.masked)
        if inside is None and following is not None and operator:
            self.at += 1
            rest = following.text[operator.end() :]
            return self.test(unquoted(token.text), operator[0], rest, following.position + operator.end(), token)
        found = inside or re.search("=", token.masked)
        if found is None or _is_quoted(token):
            return Word(unquoted(token.text), token.position)
        key, rest = token.text[: found.start()], token.text[found.end() :]
        return self.test(unquoted(key), found[0], rest, token.position + found.end(), token)

    def test(self, key: str, operator: str, value: str, position: int, token: Token) -> Comparison:
        """A comparison; a value that does not follow at once is the next term."""
        if not value:
            after = self.next
            if after is None or after.kind != "term":
                raise wrong(f"{key}{operator} needs a value", token.position)
            self.at += 1
            value, position = after.text, after.position
        if not unquoted(value):
            raise wrong(f"{key}{operator} needs a value", token.position)
        return Comparison(key, operator, unquoted(value), token.position, position)


def _is_or(token: Token) -> bool:
    return token.kind == "|" or _is_word(token, "or")


def _is_word(token: Token, word: str) -> bool:
    return token.kind == "term" and token.text.lower() == word


def _is_quoted(token: Token) -> bool:
    return _QUOTED.fullmatch(token.text) is not None


def unquoted(text: str) -> str:
    r"""A text without its quotes; a backslash inside quotes keeps the next character.

    >>> unquoted('slice."a b".auc'), unquoted(r'"say \"no\""')
    ('slice.a b.auc', 'say "no"')
    """
    return _QUOTED.sub(lambda found: re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), text)


__all__ = ["All", "Comparison", "Either", "Node", "Not", "Token", "Word", "parse", "tokens_of", "unquoted", "wrong"]
