"""The tickets tab of Data & Features: requests for a change of data, in the queue of the role that is to do it."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.tickets import TicketRow, tickets
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.dialogs.data import Form, ask
from app.tui.dialogs.dialog import fact
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.data_tab import DataTab

COLUMNS = (
    Column("key", "TICKET", 6),
    Column("state", "STATE", 9),
    Column("queue", "QUEUE", 5),
    Column("title", "TITLE", 20, grow=True),
    Column("source", "SOURCE", 10, drop=2),
    Column("by", "BY", 8, drop=1),
    Column("opened", "OPENED", 6, right=True),
)


@dataclass(frozen=True)
class Body:
    """Tickets of all projects, those that wait first."""

    tickets: tuple[TicketRow, ...]


class TicketsTab(DataTab):
    """Every ticket with its text and answer."""

    key: ClassVar[str] = "tickets"
    title: ClassVar[str] = "Tickets"
    scope: ClassVar[str] = "tickets"

    def panes(self) -> ComposeResult:
        """A grid and a pane."""
        none = parts.empty("Nobody asks for other data.", "e", "writes a ticket", "trainmaster data tickets open TITLE")
        with Horizontal(classes="row"):
            yield Grid(COLUMNS, id="tickets", title="Tickets", empty=none)
            yield Panel("Ticket", id="ticket", classes="wide-only")
        yield Panel(id="ticket-brief", classes="brief")

    def load(self, reader: Reader, _wish: tuple[str, ...]) -> Body:
        """All of them."""
        return Body(tuple(tickets(reader, closed=True, limit=300)))

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        now, grid = self.control.clock(), self.query_one("#tickets", Grid)
        grid.show(
            Window.of(
                [
                    Row(
                        one.key,
                        (
                            (one.key[:6], "bold"),
                            (one.state, {"open": "warn", "taken": "accent", "resolved": "ok"}.get(one.state, "dim")),
                            (one.for_role, ""),
                            (one.title, ""),
                            (one.source or "–", "dim"),
                            (one.taken_by or one.opened_by, "dim"),
                            (words.ago(one.opened_at, now), "dim"),
                        ),
                    )
                    for one in snapshot.tickets
                ]
            )
        )
        waiting = sum(one.state in ("open", "taken") for one in snapshot.tickets)
        grid.head(f"Tickets · {len(snapshot.tickets)}", f"{waiting} wait or are worked on")
        self._show_ticket()

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another ticket."""
        event.stop()
        self._show_ticket()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """Read it."""
        event.stop()
        pane = self.query_one("#ticket", Panel)
        if pane.display:
            pane.focus()

    def _chosen(self) -> TicketRow | None:
        found = self.query_one("#tickets", Grid).cursor_id
        known = self.body.tickets if self.body else ()
        return next((one for one in known if one.key == found), known[0] if known else None)

    def _show_ticket(self) -> None:
        panel, brief, one = self.query_one("#ticket", Panel), self.query_one("#ticket-brief", Panel), self._chosen()
        if one is None:
            panel.head("Ticket")
            panel.show([line(("nothing is asked", "dim"))])
            brief.show([line(("nothing is asked", "dim"))])
            return
        now, width = self.control.clock(), max(panel.size.width, 20)
        panel.head(f"Ticket {one.key[:6]}", f"{one.from_role} asks {one.for_role}")
        lines: list[Line] = [line((piece, "bold")) for piece in wrapped(one.title, width, 3)]
        lines += [line(piece) for piece in wrapped(one.wish, width, 12)]
        lines += [(), line(("opened  ", "dim"), one.opened_by, (f"  {words.ago(one.opened_at, now)} ago", "dim"))]
        if one.taken_by:
            lines.append(line(("taken   ", "dim"), one.taken_by, (f"  {words.ago(one.taken_at, now)} ago", "dim")))
        if one.closed_by:
            lines.append(
                line((f"{one.state:<8}", "dim"), one.closed_by, (f"  {words.ago(one.closed_at, now)} ago", "dim"))
            )
            lines += [line((piece, "ok")) for piece in wrapped(one.answer, width, 8)]
        panel.show(lines)
        brief.show([line((f"{one.key[:6]} ", "bold"), one.title), line((one.answer or one.wish or one.state, "dim"))])

    def do_ticket_open(self) -> None:
        """Write a ticket about the chosen source."""
        acts, source = self.data_acts(), self.source_name
        command = f"trainmaster data tickets open TITLE --source {source}"
        lines = [
            *fact("What changes", f"a ticket about {source} waits in the queue of R4 (data engineer)"),
            *fact("Who is told", "the audit log, and whoever reads that queue"),
            *fact("Same as", command, "dim"),
        ]
        fields = (("Title", "what is to change", True), ("Wish", "the request in full, and why", False))
        form = Form("Ask for other data", lines, confirm="Open", fields=fields, command=command)
        ask(self.control, form, lambda values: acts.open_ticket(values["Title"], values["Wish"], source or None))

    def do_ticket_take(self) -> None:
        """Take the ticket under the cursor out of the queue."""
        one = self._chosen()
        if one is not None:
            self.control.start_act(self.data_acts().take_ticket(one.key), done=f"ticket {one.key[:6]} is taken")

    def do_ticket_close(self) -> None:
        """Close the ticket under the cursor with an answer."""
        one = self._chosen()
        if one is None:
            return
        acts, key = self.data_acts(), one.key
        command = f"trainmaster data tickets resolve {key[:6]} ANSWER"
        lines = [*fact("Ticket", one.title), *fact("Who is told", "the audit log"), *fact("Same as", command, "dim")]
        form = Form(
            f"Close ticket {key[:6]}", lines, confirm="Close", fields=(("Answer", "what was done, or why not", True),),
            command=command,
        )  # fmt: skip
        ask(self.control, form, lambda values: acts.close_ticket(key, values["Answer"]))

    def copied(self, grid: Grid) -> str:
        """The next step of the ticket as a command."""
        return f"trainmaster data tickets take {grid.cursor_id}"
