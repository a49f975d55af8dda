"""What a feature is computed from, by the code that was kept with the features: sources and their columns."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from app.services.monitoring.causes.case import Case, document_of, views_of
from app.store.reader import Reader


@dataclass(frozen=True)
class Readings:
    """Of each feature the sources that its function reads, and the names that the feature of the alert comes from.

    `columns` holds the feature itself and whatever is named where it is computed, straight or through other names; a
    column of a source that is not among them has nothing to do with it, as far as the code tells.
    """

    sources: Mapping[str, frozenset[str]] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()


def readings_of(reader: Reader, case: Case) -> Readings:
    """Of the features of the first bad look; code that does not parse tells nothing."""
    views = views_of(reader, case.project, case.bad.features).get("views", {})
    row = reader.one(
        "SELECT c.artifact FROM feature_code c JOIN feature_set f ON f.id = c.feature_set_id "
        "WHERE f.version = :version AND f.project_id = (SELECT id FROM project WHERE name = :project)",
        {"version": case.bad.features, "project": case.project},
    )
    known = {
        str(found["source"])
        for found in reader.rows(
            "SELECT DISTINCT source FROM snapshot WHERE project_id = (SELECT id FROM project WHERE name = :project)",
            {"project": case.project},
        )
    }
    parameters: dict[str, list[str]] = {}
    made_of: dict[str, set[str]] = {}
    for content in document_of(reader, row["artifact"] if row else None).values():
        try:
            tree = ast.parse(str(content))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                parameters[node.name] = [argument.arg for argument in node.args.args]
        for name, names in _assigned(tree):
            made_of.setdefault(name, set()).update(names)
    for built in views.values():
        for name, window in (built.get("windows") or {}).items():
            made_of.setdefault(str(name), set()).add(str(window.get("of") or built.get("event_time")))

    def reads(name: str, seen: frozenset[str] = frozenset()) -> frozenset[str]:
        if name in known or name in seen:
            return frozenset({name} & known)
        return frozenset().union(*(reads(each, seen | {name}) for each in parameters.get(name, [])))

    sources = {
        str(column["name"]): reads(str(built.get("history") or view))
        for view, built in views.items()
        for column in built.get("columns", [])
    }
    return Readings(sources, _reached(made_of, case.alert.feature))


def _assigned(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """What is computed under a name, and the names in its expression: items, keywords, variables, columns set, renames.

    >>> sorted(dict(_assigned(ast.parse('t = f["a"] + 1\\nf.assign(b=t, **{"c": f["d"]})')))["b"])
    ['t']
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, _names(value)
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        yield value.value, {key.value}
        elif isinstance(node, ast.keyword) and node.arg is not None:
            yield node.arg, _names(node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in _names(target) if isinstance(target, ast.Name | ast.Subscript) else ():
                    yield name, _names(node.value)


def _names(node: ast.AST) -> set[str]:
    """The variables and the texts of an expression; of `table["column"]` and `table.column` the column alone.

    >>> sorted(_names(ast.parse('table["a"] + b.c.abs() * d').body[0]))
    ['a', 'abs', 'c', 'd']
    """
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    found = {node.attr} if isinstance(node, ast.Attribute) else set()
    for child in ast.iter_child_nodes(node):
        if not (
            isinstance(node, ast.Subscript | ast.Attribute) and child is node.value and isinstance(child, ast.Name)
        ):
            found |= _names(child)
    return found


def _reached(made_of: Mapping[str, set[str]], feature: str | None) -> frozenset[str]:
    """A name with everything that it comes from."""
    found: set[str] = set()
    waiting = [feature] if feature else []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += made_of.get(name, ())
    return frozenset(found)


__all__ = ["Readings", "readings_of"]
