"""Registry: may it go up? Models, versions, and the chosen version's verdict, gates, numbers, card and history."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from app.domain.errors import TrainmasterError
from app.store.queries.aliases import MoveRow, moves_of
from app.store.queries.charter import headline_metrics
from app.store.queries.content import content_of
from app.store.queries.evaluation import EvaluationRow, evaluation_in
from app.store.queries.lineage import Graph, graph_around
from app.store.queries.overview import running_now
from app.store.queries.registry import (
    GateRow,
    ModelRow,
    TransitionRow,
    VersionRow,
    gates_of,
    models,
    transitions_of,
    version_of,
    versions_of,
)
from app.store.queries.runs import RunRow
from app.store.queries.verdicts import SayRow, approvals_of
from app.store.reader import Reader
from app.tui import comparison, judgement, parts, words
from app.tui.glyphs import Glyphs
from app.tui.grid import Column, Grid, Row, Window
from app.tui.lines import Line, line
from app.tui.panel import Panel
from app.tui.screens import registry_tabs as tabs
from app.tui.screens.place import PlaceScreen

if TYPE_CHECKING:
    from app.services.registry.differing import Difference

MODELS = (
    Column("model", "MODEL", 12, grow=True),
    Column("champion", "CHAMPION", 8),
    Column("new", "NEW", 4, drop=1),
    Column("alert", "ALERT", 5, drop=2),
)
VERSIONS = (
    Column("sign", "", 1),
    Column("version", "VER", 4),
    Column("stage", "ALIAS", 11),
    Column("metric", "METRIC", 7, right=True),
    Column("delta", "Δ CHAMP", 7, right=True, drop=3),
    Column("data", "DATA", 5, drop=5),
    Column("run", "RUN", 6, drop=4),
    Column("code", "CODE", 7, drop=6),
    Column("gates", "GATES", 6),
    Column("made", "MADE", 6, right=True, drop=7, grow=True),
)
TABS = ("gates", "evidence", "changes", "numbers", "importance", "calibration", "history", "lineage", "card")
MOST_KEPT = 64
"""Evaluations that stay in memory; a manifest never changes."""
SIGNS = {"production": "champion", "staging": "challenger"}


@dataclass(frozen=True)
class Wish:
    """The chosen model, version and tab."""

    model: str | None
    version: int | None
    tab: str


@dataclass(frozen=True)
class Body:
    """Models, versions of the chosen one, and everything about the chosen version."""

    models: tuple[ModelRow, ...]
    model: str | None
    metric: str
    versions: tuple[VersionRow, ...]
    chosen: VersionRow | None
    gates: tuple[GateRow, ...]
    history: tuple[TransitionRow, ...]
    graph: Graph | None
    judged: EvaluationRow | None
    deploying: RunRow | None
    people: tuple[SayRow, ...] = ()
    moves: tuple[MoveRow, ...] = ()
    difference: "Difference | None" = None


class RegistryScreen(PlaceScreen):
    """Models at the left, versions at the right, the chosen version below."""

    place: ClassVar[str] = "registry"
    AUTO_FOCUS = "#versions"

    def __init__(self) -> None:
        super().__init__()
        self._tab = 0
        self._judged: dict[str, EvaluationRow] = {}

    def panes(self) -> ComposeResult:
        """Models, versions, details."""
        none = parts.empty("No model is registered yet.", "3", "runs", "trainmaster train run")
        with Horizontal(classes="row"):
            yield Grid(MODELS, id="models", title="Models", empty=none)
            with Vertical(classes="column"):
                yield Grid(VERSIONS, id="versions", title="Versions", empty=(line("  No version yet."),))
                yield Panel(id="details", classes="wide-only")
        yield Panel(id="brief", classes="brief")

    def wish(self) -> Wish:
        """What is chosen."""
        model = self.query_one("#models", Grid).cursor_id
        version = self.query_one("#versions", Grid).cursor_id
        number = int(str(version).rpartition("/")[2]) if version is not None else None
        return Wish(str(model) if model is not None else None, number, TABS[self._tab])

    def load(self, reader: Reader, wish: Wish) -> Body:
        """Everything about the chosen model."""
        found = tuple(models(reader))
        deploying = next((run for run in running_now(reader) if run.flow == "deploy"), None)
        if not found:
            return Body((), None, "", (), None, (), (), None, None, deploying)
        row = next((m for m in found if m.name == wish.model), found[0])
        metric = headline_metrics(reader).get(row.project, "auc")
        versions = tuple(versions_of(reader, row.name))
        number = next((v.version for v in versions if v.version == wish.version), None)
        if number is None and versions:
            number = versions[0].version
        chosen = version_of(reader, row.name, number) if number is not None else None
        graph, judged = None, None
        if chosen is not None and wish.tab == "lineage":
            graph = graph_around(reader, "model", f"{row.name}/{chosen.version}", depth=6)
        if chosen is not None:
            judged = self._evaluation(reader, chosen)
        gates = tuple(gates_of(reader, chosen.id)) if chosen else ()
        history = tuple(transitions_of(reader, row.name))
        people = tuple(approvals_of(reader, chosen.id)) if chosen else ()
        moves = tuple(moves_of(reader, row.name)) if wish.tab == "history" else ()
        rival = row.production_version
        compared = None
        if wish.tab == "changes" and chosen is not None and rival is not None and rival != chosen.version:
            from app.services.registry.differing import difference

            compared = difference(reader, row.name, rival, chosen.version)
        return Body(
            found,
            row.name,
            metric,
            versions,
            chosen,
            gates,
            history,
            graph,
            judged,
            deploying,
            people,
            moves,
            compared,
        )

    def _evaluation(self, reader: Reader, version: VersionRow) -> EvaluationRow | None:
        """What its manifest says; None when the manifest cannot be read, which `store fsck` will say."""
        if version.manifest not in self._judged:
            try:
                found = evaluation_in(version.version, content_of(reader, version.manifest))
            except TrainmasterError:
                return None
            if len(self._judged) >= MOST_KEPT:
                self._judged.clear()
            self._judged[version.manifest] = found
        return self._judged[version.manifest]

    def show(self, snapshot: Body) -> None:
        """Fill the panes."""
        glyphs, now = self.control.glyphs, self.control.clock()
        grid = self.query_one("#models", Grid)
        grid.show(Window.of([_model_row(model, glyphs) for model in snapshot.models]))
        grid.head(f"Models · {len(snapshot.models)}")
        versions = self.query_one("#versions", Grid)
        versions.rename("metric", snapshot.metric.upper()[:7] or "METRIC")
        rows = [_version_row(v, snapshot.metric, now, glyphs) for v in snapshot.versions]
        versions.show(Window.of(rows))
        versions.head(f"Versions of {snapshot.model}" if snapshot.model else "Versions", self._deploying(snapshot))
        self._show_details(snapshot, glyphs)

    def _deploying(self, body: Body) -> str:
        run = body.deploying
        if run is None:
            count = len(body.versions)
            return f"{count} version{'' if count == 1 else 's'}" if count else ""
        return f"deploy {run.key[:6]}: {run.task or 'waits'} {words.percent(parts.share_of(run))}"

    def _show_details(self, body: Body, glyphs: Glyphs) -> None:
        panel, name, now = self.query_one("#details", Panel), TABS[self._tab], self.control.clock()
        version = body.chosen
        title = " ".join(f"[{tab}]" if tab == name else tab for tab in TABS)
        panel.head(f"v{version.version} · {title}" if version else "Version", "[ ] tabs")
        if version is None:
            panel.show([line(("nothing is chosen", "dim"))])
            self.query_one("#brief", Panel).show([line(("no model yet  ", ""), ("trainmaster train run", "key"))])
            return
        match name:
            case "gates":
                lines = [*judgement.verdict(body.judged, glyphs), *tabs.gates(body.gates, body.people, glyphs)]
            case "evidence":
                lines = tabs.evidence(body.gates, now)
            case "changes":
                lines = tabs.changes(body.difference, serves=version.stage == "production")
            case "numbers":
                lines = tabs.numbers(version, comparison.rival_of(body.gates), body.judged)
            case "importance":
                lines = judgement.importance(body.judged, panel.size.width, glyphs)
            case "calibration":
                lines = judgement.calibration(body.judged, panel.size.width, glyphs)
            case "history":
                lines = tabs.ledger(body.moves, body.history, glyphs, now)
            case "lineage":
                lines = tabs.lineage(body.graph)
            case _:
                lines = judgement.card(body.judged, version)
        panel.show(lines)
        gates = f"gates {version.gates_passed}/{version.gates_total}"
        gates += f", {version.gates_waived} of them waived" if version.gates_waived else ""
        value = words.number(version.metrics.get(body.metric))
        self.query_one("#brief", Panel).show(
            [
                line(
                    (f"{version.model} v{version.version} ", "bold"),
                    (version.stage, "accent"),
                    f" · {body.metric} {value} · {gates}",
                ),
                line(
                    ("next: ", "dim"),
                    ("p", "key"),
                    (" promote · ", "dim"),
                    ("z", "key"),
                    (" undo · ", "dim"),
                    ("[ ]", "key"),
                    (" tabs", "dim"),
                ),
            ]
        )

    def status(self) -> Line:
        """The progress of a deployment while it runs."""
        run = self.body.deploying if self.body else None
        if run is None:
            return super().status()
        return line(
            " ",
            (f"deploy {run.key[:6]} ", "bold"),
            (f"{run.task or 'waits for the worker'} ", "accent"),
            *parts.progress(run, 40, self.control.glyphs),
            ("  " + (run.says or ""), "dim"),
        )

    def trail(self) -> str:
        """Which model."""
        return str(self.body.model) if self.body and self.body.model else ""

    # -- keys ----------------------------------------------------------------------------------------------------

    def on_grid_moved(self, event: Grid.Moved) -> None:
        """Another model or version."""
        event.stop()
        self.poller.nudge()

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A model opens its versions, a version its run."""
        event.stop()
        if event.grid.id == "models":
            self.query_one("#versions", Grid).focus()
        elif self.body is not None and self.body.chosen is not None:
            from app.tui.screens.run import RunScreen

            self.app.push_screen(RunScreen(self.body.chosen.run))

    def do_tab_next(self) -> None:
        """The next tab."""
        self._turn(1)

    def do_tab_previous(self) -> None:
        """The tab before."""
        self._turn(-1)

    def _turn(self, by: int) -> None:
        self._tab = (self._tab + by) % len(TABS)
        self.query_one("#details", Panel).do_list_first()
        if self.body is not None:
            self._show_details(self.body, self.control.glyphs)
        self.poller.nudge(reload=True)

    async def do_model_approve(self) -> None:
        """Ask for the person's yes to the chosen version."""
        from app.tui.dialogs.registry import ask_approve

        if self.body is not None and self.body.chosen is not None:
            says = [gate.says for gate in self.body.gates if gate.gate == "approvals"]
            await ask_approve(self.control, self.body.chosen.model, self.body.chosen.version, says)

    def do_model_test(self) -> None:
        """Judge the gates of the chosen version again."""
        if self.body is not None and self.body.chosen is not None:
            chosen = self.body.chosen
            work = self.control.acts.judge(chosen.model, chosen.version)
            self.control.start_act(
                work, doing=f"judging {chosen.model} v{chosen.version} again", done="judged; the gates are above"
            )

    def do_model_compare(self) -> None:
        """Show what is different from production."""
        self._turn(TABS.index("changes") - self._tab)

    def do_model_lineage(self) -> None:
        """Show where the chosen version comes from."""
        self._turn(TABS.index("lineage") - self._tab)

    def do_model_retire(self) -> None:
        """Archive the chosen version; an archived one comes back into staging."""
        if self.body is not None and self.body.chosen is not None:
            chosen = self.body.chosen
            back = chosen.stage == "archived"
            work = self.control.acts.retire(chosen.model, chosen.version, back=back)
            self.control.start_act(work, done="it is in staging again" if back else "retired; x brings it back")

    async def do_model_promote(self) -> None:
        """Open the promotion dialog of the chosen version."""
        from app.tui.dialogs.registry import ask_promote

        if self.body is not None and self.body.chosen is not None:
            await ask_promote(self.control, self.body.chosen.model, self.body.chosen.version)

    def copied(self, grid: Grid) -> str:
        """The promotion as a command."""
        if grid.id == "versions" and self.body is not None and self.body.chosen is not None:
            version = self.body.chosen
            name = version.model
            return f"trainmaster models promote {name} {version.version} --reason REASON --confirm {name}"
        return str(grid.cursor_id)


def _model_row(model: ModelRow, glyphs: Glyphs) -> Row:
    new = model.newest_version if model.newest_version != model.production_version else None
    alert = f"{glyphs.alert}{model.open_alerts}" if model.open_alerts else "–"
    return Row(
        model.name,
        (
            (model.name, ""),
            (f"v{model.production_version}" if model.production_version else "–", "bold"),
            (f"v{new}" if new else "–", "accent" if new else "dim"),
            (alert, "warn" if model.open_alerts else "dim"),
        ),
    )


def _version_row(version: VersionRow, metric: str, now: Any, glyphs: Glyphs) -> Row:
    value = version.metrics.get(metric)
    champion = version.stage == "production"
    whole = version.gates_total > 0 and version.gates_passed == version.gates_total
    sign = glyphs.star if champion else glyphs.live if version.stage == "staging" else " "
    return Row(
        f"{version.model}/{version.version}",
        (
            (sign, "accent"),
            (f"v{version.version}", "bold"),
            (_alias(version), "accent" if version.stage in SIGNS or version.aliases else "dim"),
            (words.number(value), ""),
            comparison.change(metric, value, comparison.of_rival(version.metrics, metric)),
            (f"f{version.features_version}", "dim"),
            (version.run[:6], "dim"),
            ((version.commit or "–")[:6] + ("*" if version.dirty else ""), "dim"),
            (
                f"{_sign(whole, version.gates_waived, glyphs)} {version.gates_passed}/{version.gates_total}",
                "warn" if whole and version.gates_waived else "ok" if whole else "bad",
            ),
            (words.ago(version.created_at, now), "dim"),
        ),
    )


def _sign(whole: bool, waived: int, glyphs: Glyphs) -> str:
    """All gates passed, all hold because some were waived, or not all hold."""
    return (glyphs.alert if waived else glyphs.ok) if whole else glyphs.bad


def _alias(version: VersionRow) -> str:
    """Its alias, else what its stage is called here."""
    own = [name for name in version.aliases if name != "champion"]
    return (
        SIGNS["production"]
        if version.stage == "production"
        else own[0]
        if own
        else SIGNS.get(version.stage, version.stage)
    )
