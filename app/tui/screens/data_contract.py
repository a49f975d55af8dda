"""The contract tab of Data & Features: what a source must hold, and what broke it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.data import RuleCount, counts_by_rule
from app.store.queries.profiles import RequirementView, RuleView, requirement_of
from app.store.queries.tickets import SignatureRow, signatures
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.dialogs.data import Form, ask
from app.tui.dialogs.dialog import fact
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.data_tab import DataTab

RULES = (
    Column("sign", "", 1),
    Column("column", "COLUMN", 16),
    Column("type", "TYPE", 8, drop=2),
    Column("rules", "RULES", 24, grow=True),
    Column("privacy", "PRIVACY", 9, drop=3),
    Column("broken", "BROKEN", 8, right=True),
    Column("open", "OPEN", 7, right=True, drop=1),
)


@dataclass(frozen=True)
class Contract:
    """The requirement of the chosen source, its signatures, and what broke it."""

    source: str
    requirement: RequirementView | None
    signatures: tuple[SignatureRow, ...]
    broken: tuple[RuleCount, ...]


class ContractTab(DataTab):
    """Every rule with the rows that it turned away; `a` signs it for a role."""

    key: ClassVar[str] = "contract"
    title: ClassVar[str] = "Contract"
    scope: ClassVar[str] = "contract"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("This source names no columns.", "r", "ingests", "trainmaster data contract SOURCE")
        with Horizontal(classes="row"):
            yield Grid(RULES, id="rules", title="Contract", empty=none)
            yield Panel("Rule", id="rule", classes="wide-only")
        yield Panel(id="rule-brief", classes="brief")

    def load(self, reader: Reader, wish: tuple[str, ...]) -> Contract:
        """Everything about the requirement."""
        project, _, source = wish[0].partition("/")
        return Contract(
            wish[0],
            requirement_of(reader, project, source),
            tuple(signatures(reader, project=project, source=source)),
            tuple(counts_by_rule(reader, project=project, source=source)),
        )

    def show(self, snapshot: Contract) -> None:
        """Fill the panes."""
        grid, found = self.query_one("#rules", Grid), snapshot.requirement
        grid.show(Window.of([self._row(rule, snapshot.broken) for rule in found.columns] if found else []))
        whole = sum(one.rows for one in snapshot.broken)
        waiting = sum(one.open for one in snapshot.broken)
        grid.head(f"Contract of {self.source_name}", f"{whole:,} rows broke it · {waiting:,} wait")
        self._show_rule()

    def _show_rule(self) -> None:
        """The rule under the cursor whole, then what holds for a batch and who signed."""
        body, panel, brief = self.body, self.query_one("#rule", Panel), self.query_one("#rule-brief", Panel)
        if body is None or body.requirement is None:
            panel.head("Rule")
            panel.show([line(("nothing is asked of this source", "dim"))])
            return
        found, width = body.requirement, max(panel.size.width, 20)
        chosen = self.query_one("#rules", Grid).cursor_id
        rule = next((one for one in found.columns if one.column == chosen), next(iter(found.columns), None))
        named = {one.column for one in found.columns}
        others = [one for one in body.broken if _column_of(one) not in named]
        lines = []
        if rule is not None:
            panel.head(rule.column, " · ".join(word for word in (rule.type, rule.privacy) if word))
            mine = [one for one in body.broken if _column_of(one) == rule.column]
            lines += [*_rule_lines(rule, width), *_broken_lines(mine, width), ()]
            first = mine[0].example if mine else rule.reason or "nothing broke it"
            brief.show([line((f"{rule.column} ", "bold"), rule.rules or "anything"), line((first, "dim"))])
        lines += [line(("THE BATCH", "head")), *_batch_lines(found.batch, width), *_broken_lines(others, width), ()]
        lines += [line(("SIGNED BY", "head")), *self._signature_lines(body.signatures)]
        panel.show(lines)

    def _signature_lines(self, found: Sequence[SignatureRow]) -> list[Line]:
        now = self.control.clock()
        if not found:
            return [line(("nobody yet: ", "dim"), ("a", "key"), (" signs it for a role", "dim"))]
        return [
            line((f"{one.role}  ", "bold"), one.signed_by, (f"  {words.ago(one.signed_at, now)}", "dim"),
                 (f"  {one.digest[:8]}", "faint"))
            for one in found
        ]  # fmt: skip

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another rule; all of them are here already."""
        event.stop()
        self._show_rule()

    def _row(self, rule: RuleView, broken: Sequence[RuleCount]) -> Row:
        glyphs = self.control.glyphs
        mine = [one for one in broken if _column_of(one) == rule.column]
        rows, waiting = sum(one.rows for one in mine), sum(one.open for one in mine)
        return Row(
            rule.column,
            (
                (glyphs.alert if waiting else glyphs.ok, "warn" if waiting else "ok"),
                (rule.column, "bold"),
                (rule.type, "dim"),
                (rule.rules, ""),
                (rule.privacy, "accent" if rule.privacy in ("personal", "protected") else "dim"),
                (f"{rows:,}" if rows else "–", "warn" if rows else "dim"),
                (f"{waiting:,}" if waiting else "–", "warn" if waiting else "dim"),
            ),
        )

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the rule."""
        event.stop()
        pane = self.query_one("#rule", Panel)
        if pane.display:
            pane.focus()

    def do_contract_agree(self) -> None:
        """Sign the requirement for a role."""
        acts, source = self.data_acts(), self.source_name
        command = f"trainmaster data agree {source} --role ROLE --reason REASON"
        lines = [
            *fact("What changes", f"the requirement of {source}, as project.toml has it now, is signed for a role"),
            *fact("Agreed", "when two people of two roles have signed; a change of it asks for new signatures"),
            *fact("Who is told", "the audit log"),
            *fact("Same as", command, "dim"),
        ]
        fields = (("Role", "R3 (data scientist), R4 (data engineer), ...", True), ("Reason", "why", True))
        form = Form(f"Agree to the data of {source}", lines, confirm="Agree", fields=fields, command=command)
        ask(self.control, form, lambda values: acts.agree(source, values["Role"], values["Reason"]))

    def copied(self, _grid: Grid) -> str:
        """The contract as a command."""
        return f"trainmaster data contract {self.source_name}"


def _rule_lines(rule: RuleView, width: int) -> list[Line]:
    """What one column must hold, and why."""
    lines = [line(piece) for piece in wrapped(rule.rules or "anything", width, 8)]
    return lines + [line((piece, "dim")) for piece in wrapped(rule.reason, width, 4)]


def _batch_lines(batch: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """What holds for a whole batch, each beside its name."""
    lines: list[Line] = []
    for name, says in batch:
        pieces = wrapped(says, max(width - 14, 8))
        lines += [line((fit(name if at == 0 else "", 14), "dim"), piece) for at, piece in enumerate(pieces)]
    return lines


def _broken_lines(found: Sequence[RuleCount], width: int) -> list[Line]:
    """What broke rules: how many rows, and one of them."""
    lines: list[Line] = []
    for one in found:
        waits = f"{one.open:,} wait" if one.open else "none waits"
        lines.append(line((f"{one.rule}  ", "bold"), (f"{one.rows:,} rows", "warn"), (f" · {waits}", "dim")))
        lines += [line(("  " + piece, "dim")) for piece in wrapped(one.example, width - 2, 4)]
    return lines


def _column_of(count: RuleCount) -> str:
    return count.rule.rpartition(".")[0]
