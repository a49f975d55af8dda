"""Serving: is it healthy? Who answers, how much and how fast, a candidate beside production, the last requests."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import ScreenResume, ScreenSuspend
from textual.worker import Worker

from app.store.queries.serving import DeploymentRow, RolloutRow, deployments, rollouts
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.dialogs.dialog import Ask, fact
from app.tui.grid import Column, Grid, Row, Window
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen
from app.tui.screens.run import RunScreen
from app.tui.screens.serving_lines import brief_lines, traffic_lines
from app.tui.traffic import Watch

if TYPE_CHECKING:
    from app.services.predictions.logged import Logged

SHOWN = 100
DEPLOYMENTS = (
    Column("project", "PROJECT", 14),
    Column("version", "VERSION", 7),
    Column("state", "STATE", 11),
    Column("share", "TRAFFIC", 7, right=True, drop=1),
    Column("since", "SINCE", 6, right=True),
    Column("verdict", "VERDICT", 10, grow=True, drop=2),
)
REQUESTS = (
    Column("at", "AT", 9),
    Column("version", "VER", 5),
    Column("prediction", "ANSWER", 10, right=True),
    Column("project", "PROJECT", 13, drop=1),
    Column("inputs", "INPUTS", 20, grow=True),
    Column("request", "REQUEST", 18, drop=2),
)


@dataclass(frozen=True)
class Body:
    """Deployments, what answers first, and candidates beside production."""

    deployments: tuple[DeploymentRow, ...]
    rollouts: tuple[RolloutRow, ...]


class ServingScreen(PlaceScreen):
    """Deployments and last requests at the left, traffic and candidate at the right."""

    place: ClassVar[str] = "serving"
    AUTO_FOCUS = "#deployments"

    def __init__(self) -> None:
        super().__init__()
        self._watch: Watch | None = None
        self._follower: Worker[None] | None = None
        self._shown: tuple[Any, ...] = ()

    @property
    def watch_of_gateway(self) -> Watch:
        """What was seen of the gateway; kept while the place is left."""
        if self._watch is None:
            self._watch = Watch(self.control.workspace)
        return self._watch

    def panes(self) -> ComposeResult:
        """Deployments, requests, traffic, and two lines on a narrow screen."""
        none = parts.empty(
            "No version was deployed yet.", "5", "promotes one", "trainmaster models promote MODEL VERSION"
        )
        silent = parts.empty(
            "Nothing was asked yet.", "t", "asks with a stored record", "trainmaster predict entity KEY=VALUE"
        )
        with Horizontal(classes="row"):
            with Vertical(classes="column"):
                yield Grid(DEPLOYMENTS, id="deployments", title="Deployments", empty=none)
                yield Grid(REQUESTS, id="requests", title="Last requests", empty=silent)
            yield Panel("Traffic", id="traffic", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def on_screen_resume(self, _event: ScreenResume) -> None:
        """Somebody looks: ask the gateway from now on."""
        if self._follower is None or self._follower.is_finished:
            self._follower = self.run_worker(self.watch_of_gateway.follow(), group="traffic", exit_on_error=False)

    def on_screen_suspend(self, _event: ScreenSuspend) -> None:
        """Nobody looks: ask no more."""
        if self._follower is not None:
            self._follower.cancel()
            self._follower = None

    def load(self, reader: Reader, _wish: Any) -> Body:
        """Deployments and candidates."""
        return Body(tuple(deployments(reader, limit=SHOWN)), tuple(rollouts(reader, limit=20)))

    def show(self, snapshot: Body) -> None:
        """Fill the lists."""
        self._shown = ()
        self.tick()
        grid = self.query_one("#deployments", Grid)
        active = sum(1 for one in snapshot.deployments if one.state == "active")
        grid.head(
            "Deployments", f"{active} active · {len(snapshot.deployments)} in all" if snapshot.deployments else ""
        )

    def tick(self) -> None:
        """Traffic, ages and the newest requests, when any of them has changed."""
        watch, now = self.watch_of_gateway, self.control.clock()
        panel = self.query_one("#traffic", Panel)
        seen = (watch.seen[-1] if watch.seen else None, len(watch.seen), watch.requests, watch.trouble, panel.size)
        state = (*seen, int(now.timestamp()) // 5, self.control.glyphs.name)
        if state == self._shown or self.body is None:
            return
        self._shown = state
        self._show_deployments(self.body)
        self._show_requests()
        width, height = max(panel.size.width, 20), max(panel.size.height, 10)
        candidate = next(iter(self.body.rollouts), None)
        panel.show(traffic_lines(watch, candidate, now, self.control.glyphs, width, height))
        panel.head("Traffic · last 2 minutes", watch.trouble and "the gateway is silent")
        self.query_one("#brief", Panel).show(brief_lines(watch, candidate, self.control.glyphs))

    def _show_deployments(self, body: Body) -> None:
        glyphs, now = self.control.glyphs, self.control.clock()
        last = self.watch_of_gateway.seen[-1] if self.watch_of_gateway.seen else None
        rows = []
        for one in body.deployments:
            whole = sum(rate for (project, _), rate in last.versions.items() if project == one.project) if last else 0.0
            own = last.versions.get((one.project, str(one.version)), 0.0) if last else 0.0
            share = words.percent(own / whole) if whole and one.state == "active" else "–"
            cells = (
                (one.project, "bold" if one.state == "active" else ""),
                (f"v{one.version}", "bold"),
                parts.state(one.state, glyphs),
                (share, ""),
                (words.ago(one.changed_at, now), "dim"),
                (one.verdict, "dim"),
            )
            rows.append(Row(one.key, cells))
        self.query_one("#deployments", Grid).show(Window.of(rows))

    def _show_requests(self) -> None:
        requests = self.watch_of_gateway.requests
        rows = [
            Row(
                f"{one.request_id}/{one.row}",
                (
                    (words.clock(one.at), "dim"),
                    (f"v{one.version}", ""),
                    (words.number(one.score, 4), "bold"),
                    (one.project, "dim"),
                    (one.inputs.strip("{}").replace('"', ""), "dim"),
                    (one.request_id, "faint"),
                ),
            )
            for one in requests
        ]
        grid = self.query_one("#requests", Grid)
        grid.show(Window.of(rows))
        grid.head("Last requests", "from the prediction log, written every 5 s" if rows else "")

    # -- keys ----------------------------------------------------------------------------------------------------

    def _chosen(self) -> DeploymentRow | None:
        if self.body is None or not self.body.deployments:
            return None
        body: Body = self.body
        wanted = self.query_one("#deployments", Grid).cursor_id
        return next((one for one in body.deployments if one.key == wanted), body.deployments[0])

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """The deploy run of a deployment; a request in full."""
        event.stop()
        if event.grid.id == "deployments":
            self.do_serving_logs()
            return
        request = next((r for r in self.watch_of_gateway.requests if f"{r.request_id}/{r.row}" == event.id), None)
        if request is not None:
            self._open_request(request)

    def _open_request(self, request: "Logged") -> None:
        lines = [*fact("Request", f"{request.request_id}, row {request.row}"), *fact("At", words.clock(request.at))]
        lines += fact("Answered by", f"{request.model} v{request.version}")
        lines += fact("Answer", request.prediction, "bold")
        lines += fact("Inputs", request.inputs.strip("{}").replace('"', "").replace(",", ", "), most=10)
        command = f"trainmaster predict record --project {request.project} - <<< '{request.inputs}'"

        def done(confirmed: bool | None) -> None:
            if confirmed:
                self.app.copy_to_clipboard(command)
                self.control.say("copied: the same request as a command")

        self.app.push_screen(Ask("Request", lines, confirm="Copy as a command"), done)

    def do_serving_test(self) -> None:
        """Ask the gateway with a stored record of the version in production."""
        chosen = self._chosen()
        project = chosen.project if chosen else self.control.only_project()
        if project is not None:
            self.control.start_act(self._sample(project), doing=f"asking {project} with a stored record")

    def _sample(self, project: str) -> Any:
        def work() -> str:
            from app.services.predictions.sample import ask_sample

            says = ask_sample(self.control.acts.open_store(), self.control.workspace, project).says
            self.app.call_from_thread(self.control.say, says)
            return says

        return work

    async def do_serving_promote(self) -> None:
        """Promote the version of the chosen deployment: an older one comes back."""
        from app.tui.dialogs.registry import ask_promote

        chosen = self._chosen()
        if chosen is not None:
            await ask_promote(self.control, chosen.model, chosen.version)

    def do_serving_logs(self) -> None:
        """The deploy run behind the chosen deployment."""
        chosen = self._chosen()
        if chosen is not None and chosen.run is not None:
            self.app.push_screen(RunScreen(chosen.run, tab="log"))

    def copied(self, grid: Grid) -> str:
        """The same act as a command; of a request its id."""
        chosen = self._chosen()
        if grid.id != "deployments" or chosen is None:
            return str(grid.cursor_id).rpartition("/")[0]
        return f"trainmaster models promote {chosen.model} {chosen.version} --reason REASON --confirm {chosen.model}"


__all__ = ["ServingScreen"]
