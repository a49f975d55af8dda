"""Infrastructure: what is full? The machine live, the services, what each run uses."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from app.machine.tree import Process, tree_of
from app.store.holders import Holder, boot_id, process_lives
from app.store.queries.health import HealthRow, HeartbeatRow, health_signals, heartbeats
from app.store.queries.infrastructure import ServiceRow, leases, services
from app.store.queries.machine import written_per_day
from app.store.queries.overview import running_now
from app.store.queries.runs import RunRow, SampleRow, resources_of
from app.store.reader import Reader
from app.tui import parts, words
from app.tui.charts import bar, plot, sparkline
from app.tui.dialogs.dialog import Ask, fact
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, fit, line
from app.tui.panel import Panel
from app.tui.screens.place import PlaceScreen

SERVICES = (
    Column("service", "PROCESS", 14),
    Column("state", "STATE", 13),
    Column("pid", "PID", 7, right=True, drop=2),
    Column("since", "SINCE", 6, right=True),
    Column("restarts", "RESTARTS", 8, right=True, drop=4),
    Column("memory", "MEMORY", 8, right=True, drop=3),
    Column("detail", "DETAIL", 10, grow=True, drop=1),
)
RUNNING = (
    Column("run", "RUN", 6),
    Column("flow", "FLOW", 10),
    Column("cpu", "CPU", 6, right=True),
    Column("memory", "MEMORY", 8, right=True),
    Column("gpu", "GPU", 6, right=True, drop=1),
    Column("trace", "CPU OVER TIME", 16, grow=True, drop=2),
)

SHOWN_S = 120
"""How much of the past the charts show, in seconds."""


@dataclass(frozen=True)
class Body:
    """Services, running runs and what they use."""

    services: tuple[ServiceRow, ...]
    runs: tuple[tuple[RunRow, tuple[SampleRow, ...]], ...]
    written_per_day: float = 0.0
    trees: dict[str, tuple[Process, ...]] = field(default_factory=dict)
    beats: tuple[HeartbeatRow, ...] = ()
    health: tuple[HealthRow, ...] = ()


class InfrastructureScreen(PlaceScreen):
    """The machine at the left, services and runs at the right."""

    place: ClassVar[str] = "infrastructure"
    AUTO_FOCUS = "#services"

    def panes(self) -> ComposeResult:
        """Machine, services, runs."""
        down = parts.empty("Nothing is up.", "r", "starts it", "trainmaster up")
        idle = parts.empty("Nothing runs.", "3", "shows all runs", "trainmaster train run")
        with Horizontal(classes="row"):
            yield Panel("Machine", id="machine", classes="wide-only")
            with Vertical(classes="column"):
                yield Grid(SERVICES, id="services", title="Services", empty=down)
                yield Grid(RUNNING, id="running", title="Runs by what they use", empty=idle)
        yield Panel(id="brief", classes="brief")

    def load(self, reader: Reader, _wish: Any) -> Body:
        """Services and running runs."""
        runs = [run for run in running_now(reader) if run.state == "running"]
        return Body(
            tuple(services(reader)),
            tuple((run, tuple(resources_of(reader, run.key)[-120:])) for run in runs),
            written_per_day(reader),
            _trees(reader),
            tuple(heartbeats(reader, self.control.clock())),
            tuple(one for one in health_signals(reader, scope="") if one.kind == "machine"),
        )

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs, now = self.control.glyphs, self.control.clock()
        grid = self.query_one("#services", Grid)
        quiet = {beat.name: age_s for beat in snapshot.beats if (age_s := beat.silent_at(now)) is not None}
        rows: list[Row] = []
        for s in snapshot.services:
            rows += _service_rows(s, snapshot.trees.get(s.name, ()), quiet.get(s.name), now, glyphs)
        grid.show(Window.of(rows))
        up = sum(1 for s in snapshot.services if s.state == "up")
        below = sum(len(tree) - 1 for tree in snapshot.trees.values() if tree)
        more = f" · {below} processes below them" if below else ""
        silent = f"{glyphs.alert} {', '.join(sorted(quiet))} silent" if quiet else ""
        grid.head(f"Services · {up} of {len(snapshot.services)} up{more}" if snapshot.services else "Services", silent)
        running = self.query_one("#running", Grid)
        running.show(Window.of([self._run_row(run, samples) for run, samples in snapshot.runs]))
        running.head(f"Runs by what they use · {len(snapshot.runs)}")

    def _run_row(self, run: RunRow, samples: tuple[SampleRow, ...]) -> Row:
        last = samples[-1] if samples else None
        cpu = f"{last.cpu_percent:.0f} %" if last and last.cpu_percent is not None else "–"
        gpu = f"{last.gpu_percent:.0f} %" if last and last.gpu_percent is not None else "–"
        trace = sparkline([s.cpu_percent for s in samples], 24, self.control.glyphs, low=0)
        memory = words.size(last.rss_bytes if last else None)
        return Row(run.key, ((run.key[:6], ""), (run.flow, ""), (cpu, ""), (memory, ""), (gpu, "dim"), (trace, "now")))

    def tick(self) -> None:
        """The machine, and ages."""
        self.show(self.body)
        panel = self.query_one("#machine", Panel)
        samples, glyphs = list(self.control.samples), self.control.glyphs
        width, height = max(panel.size.width, 20), max(panel.size.height, 8)
        if not samples:
            panel.show([line(("reading the machine …", "dim"))])
            return
        now = samples[-1]
        lines: list[Line] = []
        cores = now.cores_percent
        gpus = len(now.gpus)
        room = max((height - 9 - (len(cores) + 1) // 2 - gpus * 2) // 2, 2)
        series: list[tuple[str, list[float], str]] = [
            ("CPU", [s.cpu_percent or 0.0 for s in samples], f"{len(cores)} cores · load {words.number(now.load, 1)}"),
            (
                "MEM",
                [s.memory_percent or 0.0 for s in samples],
                f"{words.size(now.memory_used_bytes)} of {words.size(now.memory_total_bytes)}",
            ),
        ]
        for name, values, detail in series:
            ink = "bad" if values[-1] >= 95 else "warn" if values[-1] >= 85 else "bold"
            lines.append(line((f"{name}  ", "head"), (f"{values[-1]:3.0f} %", ink), ("  " + detail, "dim")))
            kept = values[-SHOWN_S:]
            across = max((width - 5) * len(kept) // SHOWN_S, 1)
            for at, text in enumerate(plot(kept, across, room, low=0, high=100, glyphs=glyphs)):
                label = "100" if at == 0 else "0" if at == room - 1 else ""
                lines.append(line((f"{label:>4} ", "faint"), " " * (width - 5 - across), (text, "now")))
            lines.append(())
        for at in range(0, len(cores), 2):
            spans = []
            for core in range(at, min(at + 2, len(cores))):
                filled = bar(cores[core] / 100, max((width - 30) // 2, 4), glyphs)
                cut = filled.count(glyphs.full)
                spans += [
                    (f"core {core:<2} ", "dim"),
                    (filled[:cut], "now"),
                    (filled[cut:], "faint"),
                    (f"{cores[core]:4.0f} % ", ""),
                ]
            lines.append(tuple(spans))
        for at, gpu in enumerate(now.gpus):
            percent = f"{gpu.percent:3.0f} %" if gpu.percent is not None else "  – %"
            heat = f" · {gpu.celsius:.0f} °C" if gpu.celsius is not None else ""
            used = f"{words.size(gpu.memory_used_bytes)} of {words.size(gpu.memory_total_bytes)}"
            trace = sparkline(
                [s.gpus[at].percent if at < len(s.gpus) else None for s in samples], width - 12, glyphs, low=0, high=100
            )
            lines.append(
                line(
                    (f"GPU{gpu.index} ", "head"),
                    (percent, "bold"),
                    (
                        f"  {gpu.name}{heat} · {used}",
                        "dim",
                    ),
                )
            )
            lines.append(line("     ", (trace, "now")))
        if not now.gpus:
            lines.append(line(("GPU  ", "head"), ("none that NVML knows", "dim")))
        lines.append(())
        share = now.disk_percent
        ink = "bad" if share is not None and share >= 95 else "warn" if share is not None and share >= 85 else "bold"
        free = words.size((now.disk_total_bytes or 0) - (now.disk_used_bytes or 0)) + " free"
        figure = f"{share:3.0f} %" if share is not None else "  – %"
        lines.append(
            line(
                ("DISK ", "head"),
                (figure, ink),
                " ",
                (fit(bar((share or 0) / 100, width - 26, glyphs), width - 26), "now"),
                (f"  {free}", "dim"),
            )
        )
        forecast = disk_forecast((now.disk_total_bytes or 0) - (now.disk_used_bytes or 0), self.body.written_per_day)
        watched = next((one for one in self.body.health if one.name == "machine.disk_full_in"), None)
        if watched is not None:
            lines.append(line("     ", (watched.says, "bad" if watched.breached else "dim")))
        lines.append(line("     ", (forecast, "dim")))
        panel.show(lines)
        panel.head(f"Machine · last {SHOWN_S} s")
        cpu, memory = [s.cpu_percent for s in samples], [s.memory_percent for s in samples]
        self.query_one("#brief", Panel).show(
            [
                line(
                    ("cpu ", "dim"),
                    f"{now.cpu_percent or 0:3.0f} % ",
                    (sparkline(cpu, 24, glyphs, low=0, high=100), "now"),
                ),
                line(
                    ("mem ", "dim"),
                    f"{now.memory_percent or 0:3.0f} % ",
                    (sparkline(memory, 24, glyphs, low=0, high=100), "now"),
                    ("  disk ", "dim"),
                    figure,
                    ("  " + free, "dim"),
                ),
            ]
        )

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A run opens itself; a service tells the whole of its line, and where its log lies."""
        event.stop()
        one = next((s for s in self.body.services if s.name == event.id), None) if self.body is not None else None
        if one is not None and event.grid.id == "services":
            log = self.control.workspace.logs / f"{one.name}.log"
            self.control.say(f"{one.name} is {one.state}: {one.detail or 'nothing to tell'}; log {log}")
        if event.grid.id == "running":
            from app.tui.screens.run import RunScreen

            self.app.push_screen(RunScreen(str(event.id)))

    def do_service_up(self) -> None:
        """Start what is down."""
        self.control.start_act(
            self.control.acts.up, doing="starting the services; their states show here", done="the services are up"
        )

    def do_service_down(self) -> None:
        """Stop everything, after a yes."""
        lines: list[Line] = []
        lines += fact("What changes", "orchestrator, worker, gateway and watcher stop; running runs are cancelled")
        lines += fact("Who is told", "everybody who asks /predict: it answers no more")
        lines += fact("Undo", "r starts them again")
        lines += fact("Same as", "trainmaster down", "dim")

        def done(confirmed: bool | None) -> None:
            if confirmed:
                self.control.start_act(
                    self.control.acts.down, doing="stopping the services", done="the services are down"
                )

        self.app.push_screen(Ask("Stop the services", lines, confirm="Stop them"), done)


def _service_rows(
    service: ServiceRow, tree: tuple[Process, ...], silent_s: float | None, now: datetime, glyphs: Glyphs
) -> list[Row]:
    """A service, and below it the processes that it started."""
    detail = (service.detail, "dim")
    if silent_s is not None:
        detail = (f"it lives and has said nothing for {words.span(silent_s)}", "bad")
    rows = [
        Row(
            service.name,
            (
                (service.name, "bold"),
                parts.state(service.state, glyphs),
                (str(service.pid) if service.pid else "–", "dim"),
                (words.ago(service.since, now), ""),
                (str(service.restarts), "warn" if service.restarts else "dim"),
                (words.size(sum(one.rss_bytes for one in tree)) if tree else "–", "dim"),
                detail,
            ),
        )
    ]
    branch = "+ " if glyphs.name == "ascii" else "└ "
    for one in tree[1:]:
        name = "  " * (one.depth - 1) + branch + (one.command.split(" ", 1)[0] or "process")
        rows.append(
            Row(
                f"{service.name}/{one.pid}",
                (
                    (name, "dim"),
                    (f"{one.cpu_s:,.0f} s cpu", "dim"),
                    (str(one.pid), "dim"),
                    ("", ""),
                    ("", ""),
                    (words.size(one.rss_bytes), "dim"),
                    (one.command, "dim"),
                ),
            )
        )
    return rows


def _trees(reader: Reader) -> dict[str, tuple[Process, ...]]:
    """The processes of every service that lives, by the lease that says which process it is."""
    found = {}
    for lease in leases(reader, kind="service"):
        holder = Holder(lease.boot_id, lease.pid, lease.process_started)
        if lease.key != "supervisor" and holder.boot_id == boot_id() and process_lives(holder):
            found[lease.key] = tree_of(lease.pid)
    return found


def disk_forecast(free_bytes: int, written_per_day: float) -> str:
    """When the disk is full if runs go on to write as they did.

    >>> disk_forecast(10 << 30, float(1 << 30)), disk_forecast(10 << 30, 0.0)
    ('runs write 1.0 GB a day; were all of it kept: 10 days', 'runs have written nothing yet')
    """
    if written_per_day <= 0:
        return "runs have written nothing yet"
    days = free_bytes / written_per_day
    when = "more than ten years" if days > 3650 else f"{days:,.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    return f"runs write {words.size(written_per_day)} a day; were all of it kept: {when}"
