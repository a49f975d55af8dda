"""The quarantine tab of Data & Features: the rows that broke their contract."""

import json
import shlex
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.data import QuarantineRow, RuleCount, counts_by_rule, quarantined_rows
from app.store.queries.privacy import MASK
from app.store.reader import Reader
from app.tui import parts
from app.tui.dialogs.data import Form, ask
from app.tui.dialogs.dialog import fact
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.data_tab import DataTab

ROWS = (
    Column("row", "ROW", 7),
    Column("state", "STATE", 9),
    Column("rule", "RULE", 20, grow=True),
    Column("file", "FILE", 24, drop=2),
    Column("number", "NUMBER", 8, right=True, drop=1),
)
PAGE = 400


@dataclass(frozen=True)
class Turned:
    """Rows of the chosen source that were turned away, those that wait first."""

    source: str
    rows: tuple[QuarantineRow, ...]
    counts: tuple[RuleCount, ...]


class QuarantineTab(DataTab):
    """Rows that broke the contract: look, repair, release, reject."""

    key: ClassVar[str] = "quarantine"
    title: ClassVar[str] = "Quarantine"
    scope: ClassVar[str] = "quarantine"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("No row of this source was turned away.", "r", "ingests", "trainmaster data quarantine ls")
        with Horizontal(classes="row"):
            yield Grid(ROWS, id="quarantined", title="Quarantine", empty=none)
            yield Panel("Row", id="row", classes="wide-only")
        yield Panel(id="row-brief", classes="brief")

    def load(self, reader: Reader, wish: tuple[str, ...]) -> Turned:
        """A page of rows, and how many each rule turned away."""
        project, _, source = wish[0].partition("/")
        rows = quarantined_rows(reader, project=project, source=source, state="open", limit=PAGE)
        for state in ("released", "discarded"):
            rows += quarantined_rows(reader, project=project, source=source, state=state, limit=PAGE // 4)
        return Turned(wish[0], tuple(rows), tuple(counts_by_rule(reader, project=project, source=source)))

    def show(self, snapshot: Turned) -> None:
        """Fill the panes."""
        grid = self.query_one("#quarantined", Grid)
        grid.show(Window.of([_quarantine_row(row) for row in snapshot.rows]))
        whole, waiting = sum(one.rows for one in snapshot.counts), sum(one.open for one in snapshot.counts)
        shown = f"the first {len(snapshot.rows)} of " if len(snapshot.rows) < whole else ""
        grid.head(f"Quarantine of {self.source_name} · {shown}{whole:,}", f"{waiting:,} wait")
        self._show_row()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another row."""
        event.stop()
        self._show_row()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Look at the row."""
        event.stop()
        pane = self.query_one("#row", Panel)
        if pane.display:
            pane.focus()

    def _chosen(self) -> QuarantineRow | None:
        found = self.query_one("#quarantined", Grid).cursor_id
        rows = self.body.rows if self.body else ()
        return next((row for row in rows if row.id == found), rows[0] if rows else None)

    def _show_row(self) -> None:
        panel, brief, row = self.query_one("#row", Panel), self.query_one("#row-brief", Panel), self._chosen()
        if row is None:
            panel.head("Row")
            panel.show([line(("nothing is in quarantine", "dim"))])
            brief.show([line(("nothing is in quarantine", "dim"))])
            return
        panel.head(f"Row {row.id}", f"{row.state} · snapshot {row.snapshot[:6]}")
        width = max(panel.size.width, 20)
        lines = [line((piece, "warn")) for piece in wrapped(row.reason, width, 4)]
        if row.decided_by:
            told = f"{row.state} by {row.decided_by}" + (f" into {row.released_in}" if row.released_in else "")
            lines.append(line((told, "ok" if row.released_in else "dim")))
        content, repairs = _object(row.content), _object(row.repairs)
        room = max(width - 20, 8)
        lines += [(), line((f"{'COLUMN':<19}DELIVERED", "head"), ("  → REPAIRED" if repairs else "", "head"))]
        for name, value in content.items():
            shown = "–" if value is None else str(value)
            spans: list[object] = [(fit(name, 18) + " ", "bold"), (shown if name in repairs else fit(shown, room), "")]
            if name in repairs:
                spans.append((f" → {'–' if repairs[name] is None else repairs[name]}", "accent"))
            lines.append(line(*spans))
        if MASK in content.values():
            command = f"trainmaster data quarantine show {row.id} --reveal --reason WHY"
            lines += [(), *[line((piece, "dim")) for piece in wrapped(f"hidden values: {command}", width, 3)]]
        panel.show(lines)
        brief.show([line((f"row {row.id} ", "bold"), (row.state, "dim")), line((row.reason, "warn"))])

    # -- acts ----------------------------------------------------------------------------------------------------

    def do_quarantine_repair(self) -> None:
        """Set values of the row under the cursor."""
        row = self._chosen()
        if row is None or row.state != "open":
            self.control.say("only a row that waits can be repaired", severity="warning")
            return
        acts, number = self.data_acts(), row.id
        command = f"trainmaster data quarantine repair {number} COLUMN=VALUE"
        lines = [
            *fact("Row", row.reason),
            *fact("What changes", "these values; what was delivered is kept, and the row waits until it is released"),
            *fact("Undo", "repair it again"),
            *fact("Same as", command, "dim"),
        ]
        form = Form(
            f"Repair row {number}", lines, confirm="Repair", fields=(("Values", "COLUMN=VALUE COLUMN=VALUE", True),),
            command=command,
        )  # fmt: skip
        ask(self.control, form, lambda values: acts.repair(number, _pairs(values["Values"])))

    def do_quarantine_release(self) -> None:
        """Release the marked rows, or the one under the cursor."""
        self._decide("Release", "they become part of a new snapshot; the old one stays as it is", "release")

    def do_quarantine_reject(self) -> None:
        """Leave the marked rows, or the one under the cursor, out for good."""
        self._decide("Reject", "they stay out for good, and count as quarantined", "reject")

    def _decide(self, word: str, changes: str, verb: str) -> None:
        chosen = self._chosen()
        marked = sorted(int(str(mark)) for mark in self.query_one("#quarantined", Grid).choice.marks)
        ids = marked or ([chosen.id] if chosen is not None else [])
        if not ids:
            self.control.say("no row is chosen", severity="warning")
            return
        acts = self.data_acts()
        some = " ".join(map(str, ids[:8])) + (" ..." if len(ids) > 8 else "")
        command = f"trainmaster data quarantine {verb} {some} --reason REASON"
        lines = [
            *fact("Rows", some),
            *fact("What changes", changes),
            *fact("Who is told", "the audit log"),
            *fact("Undo", "none: a decided row stays decided"),
            *fact("Same as", command, "dim"),
        ]
        many = f"{len(ids):,} rows" if len(ids) > 1 else f"row {ids[0]}"
        form = Form(f"{word} {many}", lines, confirm=word, fields=(("Reason", "why", True),), command=command)
        act = acts.release if verb == "release" else acts.reject
        ask(self.control, form, lambda values: act(ids, values["Reason"]))

    def copied(self, grid: Grid) -> str:
        """The row as a command."""
        return f"trainmaster data quarantine show {grid.cursor_id}"


def _quarantine_row(row: QuarantineRow) -> Row:
    ink = {"open": "warn", "released": "ok"}.get(row.state, "dim")
    repaired = row.repairs not in ("", "{}")
    state = "repaired" if repaired and row.state == "open" else row.state
    return Row(
        row.id,
        (
            (str(row.id), "bold"),
            (state, "accent" if state == "repaired" else ink),
            (row.rule, ""),
            (row.file.rpartition("/")[2], "dim"),
            (f"{row.row_number:,}", "dim"),
        ),
    )


def _pairs(text: str) -> dict[str, str | None]:
    """`a=1 b="two words" c=` as values; an empty one is missing.

    >>> _pairs('a=1 b="two words" c=')
    {'a': '1', 'b': 'two words', 'c': None}
    """
    try:
        words_of = shlex.split(text)
    except ValueError:
        words_of = text.split()
    pairs = (word.partition("=") for word in words_of)
    return {name: value or None for name, _, value in pairs}


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
