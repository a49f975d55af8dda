"""The rules in a project's `features.py`: parameter names make the DAG, the code itself is the version."""

import ast
import hashlib
import inspect
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from app.domain.errors import BadInput, Place
from app.domain.text import visible
from app.features.loading import Importer, failed, parsed, readable
from app.features.output import harmless_output
from app.features.source_code import Definitions, Siblings


@dataclass(frozen=True)
class Rule:
    """One function: what it reads, on which line it stands, and the digest of its code with all that it calls."""

    name: str
    parameters: tuple[str, ...]
    line: int
    digest: str
    function: Callable[..., object] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Rules:
    """All functions of one file, by name; `file` is the name to show."""

    file: str
    rules: Mapping[str, Rule]

    def order(self, wanted: Iterable[str], sources: Collection[str]) -> list[str]:
        """The functions that `wanted` needs, each after what it reads; raises BadInput for a cycle or unknown name."""
        done: list[str] = []
        for name in wanted:
            self._visit(name, sources, (), done)
        return done

    def sources_of(self, name: str, sources: Collection[str]) -> list[str]:
        """The sources that a function reads, directly or through others, in order."""
        read = {p for step in self.order([name], sources) for p in self.rules[step].parameters if p in sources}
        return sorted(read)

    def digest_of(self, names: Sequence[str], sources: Collection[str]) -> str:
        """SHA-256 over these functions and every function that they read."""
        steps = sorted(self.order(names, sources))
        return hashlib.sha256("\n".join(f"{step} {self.rules[step].digest}" for step in steps).encode()).hexdigest()

    def _visit(self, name: str, sources: Collection[str], path: tuple[str, ...], done: list[str]) -> None:
        if name in done:
            return
        rule = self.rules.get(name)
        if rule is None:
            self._unknown(name, sources, path)
        assert rule is not None
        if name in path:
            cycle = " -> ".join((*path[path.index(name) :], name))
            raise BadInput(
                f"the functions read each other in a circle: {cycle}",
                where=str(Place(self.file, line=rule.line)),
                next_step=f"break the circle in {self.file}",
            )
        for parameter in rule.parameters:
            if parameter not in sources:
                self._visit(parameter, sources, (*path, name), done)
        done.append(name)

    def _unknown(self, name: str, sources: Collection[str], path: tuple[str, ...]) -> None:
        known = ", ".join([*sources, *self.rules])
        if not path:
            raise BadInput(
                f"there is no function {visible(name)!r}, which project.toml names",
                where=self.file,
                next_step=f"write it, or name one of: {visible(', '.join(self.rules))}",
            )
        reader = self.rules[path[-1]]
        raise BadInput(
            f"function {reader.name!r} reads {visible(name)!r}, which is neither a source nor a function",
            where=str(Place(self.file, line=reader.line)),
            next_step=f"use one of: {visible(known)}",
        )


def load(text: str, file: str, siblings: Mapping[str, str] | None = None) -> Rules:
    """Execute the source of a `features.py` and find its functions; leaves nothing in `sys.modules` or on the disk.

    `siblings` are the other modules of its folder (name -> source), which it may import; their code counts for the
    digests too. Raises BadInput, with file and line, for code that does not compile or fails while it is loaded.

    >>> rules = load("def late(flights): return flights\\ndef share(late): return late", "features.py")
    >>> rules.order(["share"], ["flights"])
    ['late', 'share']
    """
    whole = parsed(text, file)
    importer = Importer(file, dict(siblings or {}))
    module = importer.executed("features", text, file)
    definitions = Definitions.of_tree(whole)
    near = Siblings({name: tree for name, other in importer.sources.items() if (tree := readable(other)) is not None})
    found = {
        node.name: _rule(node, module, definitions.digest_of(node.name, near.digest_of))
        for node in whole.body
        if isinstance(node, ast.FunctionDef) and inspect.isfunction(module.__dict__.get(node.name))
    }
    return Rules(file, found)


def run(rules: Rules, name: str, inputs: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The frame that one function computes; its inputs are safe from changes.

    Raises BadInput with file, line and function when the code fails or gives no usable frame.
    """
    rule = rules.rules[name]
    try:
        with harmless_output():
            result = rule.function(**{parameter: inputs[parameter].copy(deep=False) for parameter in rule.parameters})
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise failed(f"function {name!r} failed", error, rules.file) from error
    where = str(Place(rules.file, line=rule.line))
    if not isinstance(result, pd.DataFrame):
        kind = type(result).__name__
        raise BadInput(
            f"function {name!r} gives a {kind}, not a DataFrame", where=where, next_step="return a DataFrame"
        )
    columns = list(result.columns)
    odd = [column for column in columns if not isinstance(column, str) or not column]
    if odd:
        raise BadInput(
            f"function {name!r} gives a column named {visible(odd[0])!r}, not a text",
            where=where,
            next_step="name its columns",
        )
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise BadInput(
            f"function {name!r} gives the column {visible(twice)!r} twice", where=where, next_step="rename one of them"
        )
    return result.reset_index(drop=True)


def _rule(node: ast.FunctionDef, module: types.ModuleType, digest: str) -> Rule:
    arguments = node.args
    plain = [*arguments.posonlyargs, *arguments.args]
    required = plain[: len(plain) - len(arguments.defaults)]
    required += [
        keyword for keyword, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    if arguments.posonlyargs:
        required = [one for one in required if one not in arguments.posonlyargs]
    return Rule(
        node.name,
        tuple(argument.arg for argument in required),
        node.lineno,
        digest,
        module.__dict__[node.name],
    )
