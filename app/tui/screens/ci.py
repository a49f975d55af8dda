"""CI/CD: may we ship? Verdicts on commits, the stages of one, and the bundle that automated runs execute."""

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal

from app.store.queries.ci import VerdictRow, commit_asked, verdicts
from app.store.queries.overview import running_now
from app.store.queries.runs import LogRow, RunRow, TaskRow, last_log_lines_of, tasks_of
from app.store.queries.serving import DeploymentRow, deployments
from app.store.reader import Reader
from app.tui import parts, preview, words
from app.tui.charts import bar
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, between, clip, fit, line, wrapped
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen
from app.tui.screens.run import RunScreen

SHOWN = 200
DEPLOYED = 3
COLUMNS = (
    Column("commit", "COMMIT", 9),
    Column("verdict", "VERDICT", 10),
    Column("stage", "STAGE", 10),
    Column("lasted", "TOOK", 8, right=True, drop=2),
    Column("when", "WHEN", 6, right=True),
    Column("author", "AUTHOR", 12, drop=3),
    Column("subject", "SUBJECT", 20, grow=True),
    Column("project", "PROJECT", 14, drop=1),
)


@dataclass(frozen=True)
class Checked:
    """A commit under check, or one with its verdict."""

    run: str
    commit: str
    verdict: str
    stage: str
    reason: str
    bundle: str | None
    files: int | None
    size_bytes: int | None
    lasted_s: float | None
    at: str | None
    author: str
    branch: str
    subject: str
    project: str


@dataclass(frozen=True)
class Body:
    """What is checked and what was, the chosen one's stages and its log."""

    checked: tuple[Checked, ...]
    chosen: Checked | None
    tasks: tuple[TaskRow, ...]
    log: tuple[LogRow, ...]
    deployments: tuple[DeploymentRow, ...] = ()


class CiScreen(PlaceScreen):
    """Verdicts at the left, the chosen one's stages at the right."""

    place: ClassVar[str] = "ci"
    AUTO_FOCUS = "#verdicts"

    def panes(self) -> ComposeResult:
        """The list, the stages, and their two lines on a narrow screen."""
        none = parts.empty("No commit was checked yet.", "r", "checks the newest", "trainmaster ci run")
        with Horizontal(classes="row"):
            yield Grid(COLUMNS, id="verdicts", title="Commits", empty=none, classes="bare")
            yield Panel("Stages", id="stages", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> str | None:
        """The run under the cursor."""
        chosen = self.query_one("#verdicts", Grid).cursor_id
        return str(chosen) if chosen else None

    def load(self, reader: Reader, wish: str | None) -> Body:
        """Runs under way, verdicts, and the chosen one's stages."""
        running = [_under_way(run, commit_asked(reader, run.key)) for run in running_now(reader) if run.flow == "ci"]
        checked = (*running, *(_judged(row) for row in verdicts(reader, limit=SHOWN)))
        chosen = next((one for one in checked if one.run == wish), checked[0] if checked else None)
        if chosen is None:
            return Body((), None, (), ())
        tasks, log = tasks_of(reader, chosen.run), last_log_lines_of(reader, chosen.run, limit=40)
        deployed = [one for one in deployments(reader, limit=20) if one.project == chosen.project]
        return Body(checked, chosen, tuple(tasks), tuple(log), tuple(deployed[:DEPLOYED]))

    def show(self, snapshot: Body) -> None:
        """Fill list and stages."""
        now, glyphs = self.control.clock(), self.control.glyphs
        grid = self.query_one("#verdicts", Grid)
        rows = [
            Row(
                one.run,
                (
                    (one.commit[:8], "bold"),
                    parts.state(one.verdict, glyphs),
                    (one.stage, "bad" if one.verdict == "red" else "dim"),
                    (words.lasted(one.lasted_s), ""),
                    (words.ago(one.at, now), "dim"),
                    (one.author, "dim"),
                    (one.subject, ""),
                    (one.project, "dim"),
                ),
            )
            for one in snapshot.checked
        ]
        grid.show(Window.of(rows))
        red = sum(1 for one in snapshot.checked if one.verdict == "red")
        judged = sum(1 for one in snapshot.checked if one.at is not None and one.verdict in ("red", "green"))
        grid.head("Commits", f"{judged} checked · {red} red" if rows else "")
        self._show_stages(snapshot)

    def tick(self) -> None:
        """Ages move."""
        self.show(self.body)

    def _show_stages(self, body: Body) -> None:
        panel, brief = self.query_one("#stages", Panel), self.query_one("#brief", Panel)
        chosen = body.chosen
        if chosen is None:
            for pane in (panel, brief):
                pane.show([line(("nothing is chosen", "dim"))])
            return
        glyphs, width = self.control.glyphs, max(panel.size.width, 30)
        lines: list[Line] = [
            line(("verdict ", "dim"), parts.state(chosen.verdict, glyphs), (f"   run {chosen.run[:6]}", "dim")),
            line(("commit  ", "dim"), (chosen.commit[:12], ""), (f"  {chosen.branch}", "dim")),
            line(("author  ", "dim"), (chosen.author, "")),
        ]
        lines += [
            line(("subject " if not at else "        ", "dim"), part)
            for at, part in enumerate(wrapped(chosen.subject, width - 8, 2))
        ]
        lines += [line((part, "bad")) for part in wrapped(chosen.reason, width, 3)] if chosen.reason else []
        if chosen.bundle:
            facts = f"{chosen.files} files, {words.size(chosen.size_bytes)}"
            lines.append(line(("bundle  ", "dim"), (chosen.bundle[:12], "ok"), (f"  {facts}", "dim")))
        lines += [(), line(("stages", "head"))]
        longest = max((task.duration_s or 0.0 for task in body.tasks), default=0.0) or 1.0
        for task in body.tasks:
            word, ink = parts.state(task.state, glyphs)
            filled = bar((task.duration_s or 0.0) / longest, 12, glyphs)
            cut = filled.count(glyphs.full)
            lines.append(
                line(
                    (fit(task.name, 10), ""),
                    (fit(word, 12), ink),
                    (filled[:cut], "now"),
                    (filled[cut:], "faint"),
                    (f" {words.lasted(task.duration_s):>7}", ""),
                )
            )
            lines += [
                line(("          ", ""), (part, "dim")) for part in wrapped(task.error or task.says, width - 10, 2)
            ]
        lines += [(), *self._delivered_lines(body, chosen.project, width)]
        lines += [(), between(line(("last log lines", "head")), line(("l ", "key"), ("for all", "dim")), width)]
        room = max(panel.size.height - len(lines), 2)
        lines += [preview.log_line(row, width) for row in body.log[-room:]]
        panel.show(lines)
        panel.head(f"{chosen.commit[:8]} · {chosen.project}")
        done = sum(1 for task in body.tasks if task.state == "completed")
        brief.show(
            [
                line(
                    parts.state(chosen.verdict, glyphs),
                    (f"  {done} stages passed  ", "dim"),
                    chosen.reason or chosen.stage,
                ),
                line(("bundle ", "dim"), ((chosen.bundle or "none")[:12], ""), (f"  {chosen.subject}", "dim")),
            ]
        )

    def _delivered_lines(self, body: Body, project: str, width: int) -> list[Line]:
        """The bundle that automated runs execute now, and what was deployed."""
        now, glyphs = self.control.clock(), self.control.glyphs
        green = next((one for one in body.checked if one.bundle and one.project == project), None)
        lines = [line(("automated runs execute", "head"))]
        if green is None or green.bundle is None:
            lines.append(line(("the working tree: no bundle was delivered yet", "warn")))
        else:
            when = f", {words.ago(green.at, now)} ago"
            lines.append(line((green.bundle[:12], "ok"), (f" of commit {green.commit[:8]}{when}", "dim")))
        lines.append(line(("deployments", "head")))
        for one in body.deployments:
            word, ink = parts.state(one.state, glyphs)
            facts = f" {words.ago(one.changed_at, now)} ago  {one.verdict}"
            lines.append(clip(line((fit(f"v{one.version}", 5), "bold"), (word, ink), (facts, "dim")), width))
        return lines if body.deployments else [*lines, line(("none yet", "dim"))]

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """The stages follow."""
        event.stop()
        self.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """The whole run."""
        event.stop()
        self.app.push_screen(RunScreen(str(event.id)))

    def do_ci_run(self) -> None:
        """Ask for a check of the newest commit."""
        project = self.body.chosen.project if self.body and self.body.chosen else self.control.only_project()
        if project is not None:
            self.control.start_act(self.control.acts.check_head(project), done=f"asked for a check of {project}'s HEAD")

    def do_ci_logs(self) -> None:
        """The whole log of the chosen run."""
        if self.body and self.body.chosen:
            self.app.push_screen(RunScreen(self.body.chosen.run, tab="log"))

    def copied(self, grid: Grid) -> str:
        """The same act as a command."""
        found = next((one for one in self.body.checked if one.run == grid.cursor_id), None)
        return f"trainmaster ci run --commit {found.commit} --project {found.project}" if found else ""


def _under_way(run: RunRow, commit: str) -> Checked:
    return Checked(
        run.key, commit or run.cause_key or "HEAD", run.state, run.task or "", "", None, None, None, None,
        run.started_at or run.requested_at, run.requested_by, "", "", run.project,
    )  # fmt: skip


def _judged(row: VerdictRow) -> Checked:
    return Checked(
        row.run, row.commit, row.verdict, row.stage, row.reason, row.bundle, row.files, row.size_bytes,
        row.duration_s, row.created_at, row.author, row.branch, row.subject, row.project,
    )  # fmt: skip


__all__ = ["CiScreen"]
