"""The one table of actions: it makes dispatch, palette, footer, help, the README's table and the test for clashes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.domain.errors import BadInput
from app.domain.roles import Permission

EVERYWHERE, LIST = "everywhere", "list"
OVERVIEW, DATA, RUNS, RUN, COMPARE = "overview", "data", "runs", "run", "compare"
EXPERIMENTS, FEATURES = "experiments", "features"
REGISTRY, SERVING, MONITORING = "registry", "serving", "monitoring"
INFRASTRUCTURE, CI = "infrastructure", "ci"
TABBED = (DATA, RUN, COMPARE, REGISTRY, MONITORING)


@dataclass(frozen=True)
class Action:
    """One thing that a key does: stable id, key, words, the places where it holds, and who may."""

    id: str
    key: str
    says: str
    on: tuple[str, ...] = (EVERYWHERE,)
    needs: Permission = Permission.VIEW
    also: tuple[str, ...] = ()
    weight: int = 0
    """How much it belongs into the footer: 0 not at all, the highest first."""
    short: str = ""
    """The words of the footer, when they are shorter."""
    foot: tuple[str, ...] = ()
    """The places whose footer shows it, when not all of `on` do."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that does it, the one that is shown first."""
        return (self.key, *self.also)

    @property
    def method(self) -> str:
        """The name of the method that does it on a screen or on the app."""
        return "do_" + self.id.replace(".", "_").replace("-", "_")


@dataclass(frozen=True)
class Place:
    """One of the places of the control room."""

    key: str
    name: str
    title: str
    short: str
    question: str


PLACES = (
    Place("1", OVERVIEW, "Overview", "Overview", "what should I do now?"),
    Place("2", DATA, "Data & Features", "Data", "can I trust it?"),
    Place("3", RUNS, "Runs", "Runs", "what failed, and why?"),
    Place("4", EXPERIMENTS, "Experiments", "Experiments", "is it really better?"),
    Place("5", REGISTRY, "Registry", "Registry", "may it go up?"),
    Place("6", SERVING, "Serving", "Serving", "is it healthy?"),
    Place("7", MONITORING, "Monitoring", "Monitor", "has the world moved?"),
    Place("8", INFRASTRUCTURE, "Infrastructure", "Infra", "what is full?"),
    Place("9", CI, "CI/CD", "CI/CD", "may we ship?"),
)
"""The places that work, in the order of the lifecycle."""

OPERATE, PROMOTE, APPROVE = Permission.OPERATE, Permission.PROMOTE, Permission.APPROVE

ACTIONS: tuple[Action, ...] = (
    *(Action(f"go.{place.name}", place.key, place.title) for place in PLACES),
    Action("go.last", "minus", "last place"),
    Action("go.up", "escape", "up, or cancel"),
    Action("go.command", "colon", "command line", weight=3, short="command"),
    Action("go.palette", "ctrl+p", "palette of all actions"),
    Action("go.help", "question_mark", "help", also=("f1",), weight=2),
    Action("pane.next", "tab", "next pane"),
    Action("pane.previous", "shift+tab", "previous pane"),
    Action("pane.maximise", "m", "maximise the pane"),
    Action("tab.previous", "left_square_bracket", "previous tab", on=TABBED),
    Action("tab.next", "right_square_bracket", "next tab", on=TABBED),
    Action("live.freeze", "f", "freeze or follow"),
    Action("live.refresh", "f5", "refresh now"),
    Action("app.quit", "q", "back, at the root quit", weight=1, short="quit"),
    Action(
        "undo.last",
        "z",
        "undo the last promotion",
        needs=PROMOTE,
        weight=9,
        short="undo",
        foot=(OVERVIEW, REGISTRY, SERVING),
    ),
    Action("retrain.ask", "R", "retrain by hand", needs=OPERATE),
    Action("replay.next", "M", "next month of the sample year", needs=OPERATE),
    Action("undo.redo", "Z", "redo what was undone", needs=PROMOTE),
    Action("list.up", "k", "row up", on=(LIST,), also=("up",)),
    Action("list.down", "j", "row down", on=(LIST,), also=("down",)),
    Action("list.page-up", "pageup", "page up", on=(LIST,)),
    Action("list.page-down", "pagedown", "page down", on=(LIST,)),
    Action("list.first", "home", "first row", on=(LIST,)),
    Action("list.last", "end", "last row", on=(LIST,)),
    Action("list.open", "enter", "open", on=(LIST,), weight=20),
    Action("list.mark", "space", "mark", on=(LIST,)),
    Action("list.range", "v", "mark a range", on=(LIST,)),
    Action("list.all", "asterisk", "mark all", on=(LIST,)),
    Action("list.none", "u", "mark none", on=(LIST,)),
    Action("list.column-left", "comma", "column to the left", on=(LIST,)),
    Action("list.column-right", "full_stop", "column to the right", on=(LIST,)),
    Action("list.sort", "s", "sort by the column", on=(LIST,), weight=5, short="sort"),
    Action("list.wide", "w", "wide columns", on=(LIST,)),
    Action("list.copy", "y", "copy (id, or the same act as a command)", on=(LIST,), weight=4, short="copy"),
    Action("list.filter", "slash", "filter", on=(LIST,), weight=8),
    Action("need.run", "r", "run the next step", on=(OVERVIEW,), needs=OPERATE, weight=12, short="run"),
    Action("need.acknowledge", "a", "acknowledge", on=(OVERVIEW,), needs=OPERATE, weight=11),
    Action(
        "need.resolve", "x", "resolve an item of feedback", on=(OVERVIEW,), needs=OPERATE, short="resolve", weight=7
    ),
    Action("need.promote", "p", "promote", on=(OVERVIEW,), needs=PROMOTE, weight=10),
    Action("need.logs", "l", "logs", on=(OVERVIEW,)),
    Action(
        "data.run",
        "r",
        "ingest (sources) or build (features)",
        on=(DATA,),
        short="ingest or build",
        needs=Permission.DATA,
        weight=12,
    ),
    Action(
        "data.import", "i", "import a file into the source", on=(DATA,), short="import", needs=Permission.DATA, weight=7
    ),
    Action("snapshot.compare", "c", "compare two marked snapshots", on=("snapshots",), short="compare", weight=11),
    Action(
        "contract.agree",
        "a",
        "sign the contract for a role",
        on=("contract",),
        short="sign",
        needs=Permission.CHARTER,
        weight=11,
    ),
    Action(
        "quarantine.repair",
        "e",
        "repair a row's values",
        on=("quarantine",),
        short="repair",
        needs=Permission.DATA,
        weight=15,
    ),
    Action(
        "quarantine.release", "a", "release rows", on=("quarantine",), short="release", needs=Permission.DATA, weight=14
    ),
    Action(
        "quarantine.reject",
        "x",
        "reject rows for good",
        on=("quarantine",),
        short="reject",
        needs=Permission.DATA,
        weight=13,
    ),
    Action("ticket.open", "e", "write a ticket", on=("tickets",), short="write", needs=Permission.CHARTER, weight=15),
    Action("ticket.take", "a", "take a ticket", on=("tickets",), short="take", needs=Permission.DATA, weight=14),
    Action(
        "ticket.close",
        "x",
        "close a ticket with an answer",
        on=("tickets",),
        short="close",
        needs=Permission.DATA,
        weight=13,
    ),
    Action(
        "features.test",
        "t",
        "bring the features online and compare them with the offline store",
        on=(FEATURES,),
        short="online and compare",
        needs=OPERATE,
        weight=11,
    ),
    Action("run.again", "r", "run again", on=(RUNS, RUN), needs=OPERATE, weight=12),
    Action("run.cancel", "x", "cancel", on=(RUNS, RUN, EXPERIMENTS), needs=OPERATE, weight=11),
    Action("run.logs", "l", "logs", on=(RUNS, RUN, EXPERIMENTS), weight=10),
    Action(
        "search.run",
        "r",
        "search, or go on with one that ended early",
        on=(EXPERIMENTS,),
        needs=OPERATE,
        weight=13,
        short="search",
    ),
    Action(
        "search.register",
        "p",
        "train as the chosen trial, and register",
        on=(EXPERIMENTS,),
        needs=OPERATE,
        weight=12,
        short="register",
    ),
    Action("search.compare", "c", "compare the marked trials", on=(EXPERIMENTS,), weight=9, short="compare"),
    Action("run.compare", "c", "compare the marked runs", on=(RUNS,), weight=9, short="compare"),
    Action("run.edit", "e", "note and tags", on=(RUNS, RUN), needs=OPERATE, weight=7, short="note"),
    Action("run.match", "n", "next match in the log", on=(RUN,), weight=6, short="next match"),
    Action("run.match-back", "N", "match before", on=(RUN,)),
    Action("compare.differences", "d", "only differences, or all", on=(COMPARE,), weight=12, short="differences"),
    Action(
        "compare.baseline",
        "b",
        "pin the chosen run as baseline",
        on=(COMPARE,),
        needs=OPERATE,
        weight=11,
        short="baseline",
    ),
    Action("compare.left", "left", "run to the left", on=(COMPARE,)),
    Action("compare.right", "right", "run to the right", on=(COMPARE,), weight=10, short="next run"),
    Action("model.promote", "p", "promote", on=(REGISTRY,), needs=PROMOTE, weight=12),
    Action("model.approve", "a", "approve", on=(REGISTRY,), needs=APPROVE, weight=11),
    Action("model.test", "t", "test the gates again", on=(REGISTRY,), needs=OPERATE, weight=10, short="test gates"),
    Action("model.compare", "c", "compare with production", on=(REGISTRY,), weight=8, short="compare"),
    Action("model.lineage", "g", "lineage", on=(REGISTRY,), weight=7),
    Action("model.retire", "x", "retire, or bring back", on=(REGISTRY,), needs=PROMOTE, weight=6, short="retire"),
    Action(
        "serving.test", "t", "ask with a stored record", on=(SERVING,), needs=OPERATE, weight=13, short="sample request"
    ),
    Action(
        "serving.promote",
        "p",
        "promote (an older version: roll back)",
        on=(SERVING,),
        needs=PROMOTE,
        weight=12,
        short="promote",
    ),
    Action("serving.logs", "l", "the log of the deploy run", on=(SERVING,), weight=7, short="logs"),
    Action("alert.acknowledge", "a", "acknowledge", on=(MONITORING,), needs=OPERATE, weight=12),
    Action(
        "monitor.threshold",
        "e",
        "edit a limit, with its back-test",
        on=(MONITORING,),
        needs=OPERATE,
        weight=9,
        short="limit",
    ),
    Action(
        "alert.resolve", "x", "resolve an alert by hand", on=(MONITORING,), needs=OPERATE, weight=7, short="resolve"
    ),
    Action("monitor.retrain", "r", "retrain", on=(MONITORING,), needs=OPERATE, weight=11),
    Action("monitor.test", "t", "test now", on=(MONITORING,), needs=OPERATE, weight=10),
    Action(
        "service.up",
        "r",
        "start the services",
        on=(INFRASTRUCTURE,),
        needs=Permission.SERVICES,
        weight=12,
        short="start services",
    ),
    Action("ci.run", "r", "check the newest commit", on=(CI,), needs=Permission.CI, weight=12, short="check HEAD"),
    Action("ci.logs", "l", "logs", on=(CI,), weight=10),
    Action(
        "service.down",
        "x",
        "stop the services",
        on=(INFRASTRUCTURE,),
        needs=Permission.SERVICES,
        weight=11,
        short="stop services",
    ),
)

SIGNS = {
    "minus": "-",
    "escape": "esc",
    "colon": ":",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "slash": "/",
    "asterisk": "*",
    "enter": "↵",
    "space": "space",
    "pageup": "page up",
    "pagedown": "page down",
    "left": "←",
    "right": "→",
    "f1": "F1",
    "f5": "F5",
}
_NAMES = {sign: name for name, sign in SIGNS.items()} | {"enter": "enter", "esc": "escape"}


def sign(key: str) -> str:
    """How a key is written for a person.

    >>> sign("full_stop"), sign("r"), sign("ctrl+p")
    ('.', 'r', 'ctrl+p')
    """
    return SIGNS.get(key, key)


class Keymap:
    """The table with a person's own keys; raises BadInput for an unknown action or for two on one key.

    >>> Keymap(ACTIONS, {"run.cancel": "X"}).find("X", (RUNS,)).id
    'run.cancel'
    >>> Keymap(ACTIONS).find("x", (RUNS, EVERYWHERE)).says
    'cancel'
    """

    def __init__(self, actions: Iterable[Action] = ACTIONS, own: Mapping[str, str] | None = None) -> None:
        by_id = {action.id: action for action in actions}
        for name, key in (own or {}).items():
            if name not in by_id:
                raise BadInput(
                    f"[keys] names no action {name!r}", where="trainmaster.toml", next_step="trainmaster keys"
                )
            by_id[name] = replace(by_id[name], key=_NAMES.get(str(key), str(key)), also=())
        self.actions = tuple(by_id.values())
        self.by_id = by_id
        problems = clashes(self.actions)
        if problems:
            raise BadInput(
                f"[keys] puts two actions on one key: {problems[0]}",
                where="trainmaster.toml",
                next_step="trainmaster keys",
            )
        self._found = {(key, where): action for action in self.actions for key in action.keys for where in action.on}

    def find(self, key: str, scopes: Iterable[str]) -> Action | None:
        """The action of a key in the first of the scopes that has one."""
        for scope in scopes:
            action = self._found.get((key, scope))
            if action is not None:
                return action
        return None

    def here(self, scopes: Iterable[str]) -> list[Action]:
        """The actions that hold in any of the scopes, in the order of the table."""
        wanted = set(scopes)
        return [action for action in self.actions if wanted.intersection(action.on)]

    def footer(self, scopes: Iterable[str]) -> list[Action]:
        """The actions of the footer, the most useful first."""
        here = [a for a in self.here(scopes) if a.weight and (not a.foot or set(a.foot).intersection(scopes))]
        return sorted(here, key=lambda action: -action.weight)


def clashes(actions: Iterable[Action]) -> list[str]:
    """Keys that would do two things in one place.

    >>> clashes(ACTIONS)
    []
    """
    seen: dict[tuple[str, str], Action] = {}
    problems = []
    for action in actions:
        for key in action.keys:
            for where in action.on:
                other = seen.setdefault((key, where), action)
                shared = seen.get((key, EVERYWHERE)) or (seen.get((key, LIST)) if where != RUN else None)
                rivals = [rival for rival in (other, shared) if rival is not None and rival.id != action.id]
                problems += [f"{sign(key)} is {rival.id} and {action.id} on {where}" for rival in rivals]
    return problems


def table(keymap: Keymap | None = None) -> list[tuple[str, str, str, str]]:
    """Key, action id, what it says and where, for `trainmaster keys` and the README.

    >>> table()[0]
    ('1', 'go.overview', 'Overview', 'everywhere')
    """
    shown = (keymap or Keymap()).actions
    return [(" ".join(sign(key) for key in a.keys), a.id, a.says, ", ".join(a.on)) for a in shown]


def markdown(keymap: Keymap | None = None) -> str:
    """The README's table of keys."""
    rows = ["| key | does | where | action id |", "|---|---|---|---|"]
    for keys, name, says, where in table(keymap):
        shown = " ".join(
            f"`{key}`" for key in keys.replace("page up", "page-up").replace("page down", "page-down").split(" ")
        )
        rows.append(f"| {shown} | {says} | {where} | {name} |")
    return "\n".join(rows) + "\n"
