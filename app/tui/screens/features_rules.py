"""The rules tab of Data & Features: the DAG that features.py and the views over history make, and each rule's code."""

import ast
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.reader import Reader
from app.tui import parts
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.tabs import Tab

RULES = (
    Column("rule", "RULE", 26, grow=True),
    Column("reads", "READS", 26, drop=1),
    Column("read_by", "READ BY", 20, drop=2),
    Column("project", "PROJECT", 14, drop=3),
)


@dataclass(frozen=True)
class Rule:
    """One function, a source that functions read, or a view over what one gives (its `code` is that of project.toml).

    `depth` is its longest way from a source.
    """

    project: str
    name: str
    reads: tuple[str, ...]
    read_by: tuple[str, ...]
    depth: int
    code: str


@dataclass(frozen=True)
class Body:
    """All rules, sources first."""

    rules: tuple[Rule, ...]
    wrong: str


class RulesTab(Tab):
    """Rules in the order of the DAG, each with its code at the right."""

    key: ClassVar[str] = "rules"
    title: ClassVar[str] = "Rules"
    scope: ClassVar[str] = "features"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("No rule is written yet.", "i", "imports data", "trainmaster init NAME --from FILE")
        with Horizontal(classes="row"):
            yield Grid(RULES, id="rules", title="Rules", empty=none)
            yield Panel("Code", id="rule", classes="wide-only")
        yield Panel(id="rule-brief", classes="brief")

    def wish(self) -> str:
        """Always the same: all rules are loaded."""
        return "all"

    def load(self, _reader: Reader, _wish: str) -> Body:
        """Read features.py of every project, without executing it."""
        return read_rules(self.control.workspace.projects)

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        grid = self.query_one("#rules", Grid)
        grid.show(Window.of([_row(rule) for rule in snapshot.rules]))
        grid.head(f"Rules · {len(snapshot.rules)}", snapshot.wrong)
        self._show_code(snapshot)

    def _show_code(self, body: Body) -> None:
        panel, brief = self.query_one("#rule", Panel), self.query_one("#rule-brief", Panel)
        chosen = self.query_one("#rules", Grid).cursor_id
        found = {f"{rule.project}/{rule.name}": rule for rule in body.rules}
        rule = found.get(str(chosen)) or next(iter(body.rules), None)
        if rule is None:
            panel.head("Code")
            panel.show([line(("nothing is chosen", "dim"))])
            return
        by_name = {one.name: one for one in body.rules if one.project == rule.project}
        file = "features.py" if rule.code.startswith(("def ", "@", "async ")) else "project.toml"
        panel.head(rule.name, f"projects/{rule.project}/{file}")
        panel.show([*_tree(rule, by_name), (), *_code_lines(rule.code, max(panel.size.width, 20))])
        brief.show([line((rule.name, "bold"), (f"  reads {' '.join(rule.reads) or 'files'}", "dim"))])

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another rule."""
        event.stop()
        if self.body is not None:
            self._show_code(self.body)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at its code."""
        event.stop()
        pane = self.query_one("#rule", Panel)
        if pane.display:
            pane.focus()

    def copied(self, grid: Grid) -> str:
        """Who computes this, as a command."""
        return f"trainmaster features search {str(grid.cursor_id).partition('/')[2]}"


def read_rules(projects: Path) -> Body:
    """The functions of every project and what they read; a file that cannot be parsed is named."""
    rules: list[Rule] = []
    wrong = ""
    for path in sorted(projects.glob("*/features.py")):
        try:
            code = path.read_text(encoding="utf-8")
            tree = ast.parse(code)
        except (SyntaxError, ValueError, OSError) as error:
            wrong = f"{path.parent.name}/features.py: {error}"
            continue
        rules += _rules_of(path.parent.name, code, tree, _histories(path.with_name("project.toml")))
    return Body(tuple(rules), wrong)


def _histories(file: Path) -> dict[str, tuple[str, str]]:
    """The views over history of a project file: the function that each reads, and how it is declared."""
    try:
        text = file.read_text(encoding="utf-8")
        views = tomllib.loads(text)["views"]
        found = {str(name): str(view["history"]) for name, view in views.items() if "history" in view}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # other screens name what is wrong with it
        return {}
    blocks = [block.strip() for block in f"\n{text}".split("\n[")]
    return {
        name: (function, "\n\n".join(f"[{b}" for b in blocks if b.startswith((f"views.{name}]", f"views.{name}."))))
        for name, function in found.items()
    }


def _rules_of(project: str, code: str, tree: ast.Module, histories: Mapping[str, tuple[str, str]]) -> list[Rule]:
    functions = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    reads = {name: tuple(one.arg for one in node.args.args) for name, node in functions.items()}
    reads |= {name: (function,) for name, (function, _) in histories.items() if function in functions}
    codes = {name: ast.get_source_segment(code, node) or "" for name, node in functions.items()}
    codes |= {name: declared for name, (_, declared) in histories.items()}
    sources = sorted({one for names in reads.values() for one in names} - reads.keys())
    depths: dict[str, int] = dict.fromkeys(sources, 0)
    for _ in reads:  # as often as the longest way can be
        for name, names in reads.items():
            known = [depths[one] for one in names if one in depths]
            if len(known) == len(names):
                depths[name] = max(known, default=-1) + 1
    made = [
        Rule(
            project,
            name,
            reads.get(name, ()),
            tuple(other for other, names in reads.items() if name in names),
            depths.get(name, 0),
            codes.get(name, "a source of project.toml"),
        )
        for name in (*sources, *reads)
    ]
    return sorted(made, key=lambda rule: rule.depth)


def _row(rule: Rule) -> Row:
    return Row(
        f"{rule.project}/{rule.name}",
        (
            (f"{'  ' * rule.depth}{rule.name}", "bold" if rule.reads else "accent"),
            (" ".join(rule.reads) or "files", "dim"),
            (" ".join(rule.read_by) or "–", "dim"),
            (rule.project, "dim"),
        ),
    )


def _code_lines(code: str, width: int) -> list[Line]:
    """The code, long lines broken at spaces and hanging under their own indentation."""
    lines: list[Line] = []
    for text in code.splitlines():
        indent = len(text) - len(text.lstrip())
        pieces = wrapped(text.strip(), max(width - indent - 4, 8), 8) or [""]
        lines += [line(" " * (indent + (4 if at else 0)) + piece) for at, piece in enumerate(pieces)]
    return lines


def _tree(rule: Rule, by_name: Mapping[str, Rule], level: int = 0) -> list[Line]:
    """The rule and what it reads, indented, sources last."""
    mark = "└ " if level else ""
    lines = [
        line(("  " * level + mark, "faint"), (rule.name, "bold" if level == 0 else "accent" if not rule.reads else ""))
    ]
    for name in rule.reads:
        if name in by_name and level < 12:
            lines += _tree(by_name[name], by_name, level + 1)
    return lines
