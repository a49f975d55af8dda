"""Which code a function depends on inside its file, so that a digest of it is its version."""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Definitions:
    """The top-level names of a file, the code that defines each, and the statements that define none."""

    by_name: Mapping[str, tuple[ast.stmt, ...]]
    others: tuple[ast.stmt, ...]

    @classmethod
    def of_tree(cls, tree: ast.Module) -> "Definitions":
        """Read the top level of a parsed file."""
        named: dict[str, list[ast.stmt]] = {}
        others: list[ast.stmt] = []
        for at, node in enumerate(tree.body):
            names = _names_defined(node)
            for name in names:
                named.setdefault(name, []).append(node)
            is_docstring = at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not names and not is_docstring:
                others.append(node)
        return cls({name: tuple(nodes) for name, nodes in named.items()}, tuple(others))

    def digest_of(self, name: str, imported: "Imported | None" = None) -> str:
        """SHA-256 of the code of `name` and of everything in the file that it uses; layout and comments do not count.

        `imported` gives the digest of what an import takes from a module of the workspace, or None for other modules.

        >>> one = Definitions.of_tree(ast.parse("LIMIT = 30\\ndef late(x): return x >= LIMIT"))
        >>> two = Definitions.of_tree(ast.parse("LIMIT = 31\\ndef late(x): return x >= LIMIT"))
        >>> same = Definitions.of_tree(ast.parse("LIMIT=30 # minutes\\ndef late(x):\\n    return x >= LIMIT"))
        >>> one.digest_of("late") == two.digest_of("late"), one.digest_of("late") == same.digest_of("late")
        (False, True)
        """
        reached: set[str] = set()
        waiting = [name]
        for node in self.others:
            waiting.extend(_names_used(node))
        while waiting:
            current = waiting.pop()
            if current in reached or current not in self.by_name:
                continue
            reached.add(current)
            for node in self.by_name[current]:
                waiting.extend(_names_used(node))
        nodes = [node for each in sorted(reached) for node in self.by_name[each]] + list(self.others)
        parts = [ast.unparse(node) for node in nodes]
        if imported is not None:
            parts += sorted({digest for module, of in imports(nodes) if (digest := imported(module, of)) is not None})
        return hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest()


Imported = Callable[[str, str | None], str | None]
"""(module, name in it, None for all of it) -> digest, or None for a module that is not of the workspace."""


@dataclass(frozen=True)
class Siblings:
    """The other modules of a project's folder, parsed."""

    trees: Mapping[str, ast.Module]

    def digest_of(self, module: str, name: str | None) -> str | None:
        """The digest of what an import takes, with all that it uses in these modules in turn.

        >>> limits = Siblings({"limits": ast.parse("LATE = 30\\nSOON = 5")})
        >>> changed = Siblings({"limits": ast.parse("LATE = 31\\nSOON = 5")})
        >>> [limits.digest_of("limits", each) == changed.digest_of("limits", each) for each in ("LATE", "SOON", None)]
        [False, True, False]
        """
        return self._digest(module, name, ())

    def _digest(self, module: str, name: str | None, path: tuple[tuple[str, str | None], ...]) -> str | None:
        if module not in self.trees or (module, name) in path:
            return None
        tree = self.trees[module]
        definitions = Definitions.of_tree(tree)

        def inner(other: str, of: str | None) -> str | None:
            return self._digest(other, of, (*path, (module, name)))

        if name in definitions.by_name and name is not None:
            return definitions.digest_of(name, inner)
        below = sorted({found for other, of in imports(tree.body) if (found := inner(other, of)) is not None})
        return hashlib.sha256("\n".join([ast.unparse(tree), *below]).encode()).hexdigest()


def imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str | None]]:
    """What these statements import, wherever they do: (module, name or None)."""
    for top in nodes:
        for node in ast.walk(top):
            match node:
                case ast.Import():
                    yield from ((alias.name.split(".")[0], None) for alias in node.names)
                case ast.ImportFrom(module=str(module), level=0):
                    yield from ((module, None if alias.name == "*" else alias.name) for alias in node.names)


def _names_defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
        case ast.Assign():
            return [one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
        case ast.AnnAssign() | ast.AugAssign():
            return [one.id for one in ast.walk(node.target) if isinstance(one, ast.Name)]
        case _:
            return []


def _names_used(node: ast.AST) -> list[str]:
    return [one.id for one in ast.walk(node) if isinstance(one, ast.Name)]
