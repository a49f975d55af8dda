"""Which code a function depends on inside its file, so that a digest of it is its version."""

import ast
import hashlib
from collections.abc import Mapping
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

    def digest_of(self, name: str) -> str:
        """SHA-256 of the code of `name` and of everything in the file that it uses; layout and comments do not count.

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
        parts = [ast.unparse(node) for each in sorted(reached) for node in self.by_name[each]]
        parts += [ast.unparse(node) for node in self.others]
        return hashlib.sha256("\n".join([name, *parts]).encode()).hexdigest()


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
