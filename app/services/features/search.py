"""Who already computes this? A search over the views of all projects: names, columns, tags, words and code."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.errors import TrainmasterError
from app.domain.text import visible
from app.domain.workspace import Workspace
from app.services.features.sources import code_of
from app.services.workspaces import OpenProject, open_project, project_names
from app.store.queries.features import ViewRow, feature_sets
from app.store.reader import Reader

WEIGHTS = {"name": 8, "column": 6, "tag": 5, "description": 4, "owner": 3, "documentation": 2, "code": 1}


@dataclass(frozen=True)
class Hit:
    """A view that knows every word; `where` says in which of its parts, with the lines that hold them."""

    project: str
    view: str
    score: int
    version: int | None
    rows: int | None
    owner: str
    description: str
    columns: tuple[str, ...]
    where: tuple[str, ...]
    says: str


@dataclass(frozen=True)
class _Text:
    part: str
    text: str


def search(reader: Reader, workspace: Workspace, words: str, *, limit: int = 50) -> list[Hit]:
    """Views in which every word is found, the best first; a word is found in longer words too, whatever its case.

    What is declared now and what was published last both count. A project that cannot be read is left out.
    """
    wanted = [word for word in words.lower().replace("_", " ").split() if word]
    hits = []
    for name in project_names(workspace):
        try:
            project = open_project(workspace, name)
        except (TrainmasterError, OSError):  # a broken project must not hide the others
            continue
        hits += list(_hits(reader, project, wanted))
    return sorted(hits, key=lambda hit: (-hit.score, hit.project, hit.view))[:limit]


def _hits(reader: Reader, project: OpenProject, wanted: list[str]) -> Iterator[Hit]:
    newest = next(iter(feature_sets(reader, project=project.name, limit=1)), None)
    published = {view.name: view for view in newest.views} if newest is not None else {}
    code = _code(project)
    for name, view in project.file.views.items():
        stored = published.get(name)
        columns = tuple(view.windows) or (_columns(stored) if stored is not None else ())
        texts = [
            _Text("name", name),
            *(_Text("column", column) for column in columns),
            *(_Text("tag", tag) for tag in view.tags),
            _Text("description", view.description),
            _Text("owner", view.owner),
            *code.get(view.history or name, ()),
        ]
        found = _found(texts, wanted)
        if found is None:
            continue
        score, parts, says = found
        yield Hit(
            project.name,
            name,
            score,
            newest.version if newest is not None and stored is not None else None,
            stored.rows if stored is not None else None,
            view.owner,
            view.description,
            columns,
            parts,
            says,
        )


def _columns(stored: ViewRow) -> tuple[str, ...]:
    return stored.columns


def _found(texts: list[_Text], wanted: list[str]) -> tuple[int, tuple[str, ...], str] | None:
    """Score, parts and the best text; None when a word stands nowhere. Without words everything is found.

    >>> _found([_Text("name", "late_flights"), _Text("tag", "carrier")], ["late", "carrier"])
    (13, ('name', 'tag'), 'late_flights')
    """
    score, parts, best = 0, [], _Text("", "")
    for word in wanted:
        holding = [text for text in texts if word in text.text.lower().replace("_", " ")]
        if not holding:
            return None
        first = max(holding, key=lambda text: WEIGHTS[text.part])
        score += WEIGHTS[first.part]
        parts.append(first.part)
        if WEIGHTS[first.part] > WEIGHTS.get(best.part, 0):
            best = first
    line = next((line for line in best.text.splitlines() if any(word in line.lower() for word in wanted)), best.text)
    return score, tuple(dict.fromkeys(parts)), visible(line.strip(), longest=120)


def _code(project: OpenProject) -> dict[str, list[_Text]]:
    """Documentation and source of every function beside the project's `features.py`; nothing is executed."""
    found: dict[str, list[_Text]] = {}
    try:
        texts = code_of(project)
    except (TrainmasterError, OSError):
        return {}
    for text in texts.values():
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                source = ast.get_source_segment(text, node) or ""
                found[node.name] = [_Text("documentation", ast.get_docstring(node) or ""), _Text("code", source)]
    return found


__all__ = ["Hit", "search"]
