"""The rows that every screen shares: breadcrumb, places, footer, and the one line of a tiny terminal."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from app.domain.actions import PLACES, Keymap, sign
from app.store.queries.health import HeartbeatRow, heartbeats
from app.store.reader import Reader
from app.tui import words
from app.tui.lines import Line, Span, between, width_of
from app.tui.poller import Health

if TYPE_CHECKING:
    from app.tui.app import ControlRoom
    from app.tui.screens.place import PlaceScreen

STALE_S = 5.0


@dataclass(frozen=True)
class State:
    """What the shell knows from the store."""

    alerts: int = 0
    critical: int = 0
    running: int = 0
    down: tuple[str, ...] = ()
    beats: tuple[HeartbeatRow, ...] = ()

    def silent(self, now: datetime) -> list[tuple[str, float]]:
        """Services that should have spoken by `now` and have not, with for how many seconds."""
        found = ((beat.name, beat.silent_at(now)) for beat in self.beats)
        return [(name, age_s) for name, age_s in found if age_s is not None]


def load(reader: Reader, now: datetime) -> State:
    """Read the state of the shell; whoever looks at any screen hears of a monitor that has fallen silent."""
    found = reader.one(
        "SELECT (SELECT count(*) FROM alert WHERE state = 'open') AS alerts,"
        " (SELECT count(*) FROM alert WHERE state = 'open' AND severity = 'critical') AS critical,"
        " (SELECT count(*) FROM run WHERE state = 'running') AS running"
    )
    services = reader.rows("SELECT name FROM service WHERE state <> 'up' ORDER BY name")
    assert found is not None
    down = tuple(row["name"] for row in services)
    return State(found["alerts"], found["critical"], found["running"], down, tuple(heartbeats(reader, now)))


def crumbs(screen: "PlaceScreen", state: State, health: Health, control: "ControlRoom", width: int) -> Line:
    """Where we are at the left; environment, store, age of the picture, open alerts and the clock at the right."""
    glyphs = control.glyphs
    place = next((place.title for place in PLACES if place.name == screen.place), screen.place)
    trail = screen.trail()
    left: list[Span] = [(" tm   ", "dim"), (place, "bold")]
    if trail:
        left += [(f" {glyphs.arrow} ", "dim"), (trail, "accent")]
    narrow = width < 100
    right: list[Span] = [(control.environment if narrow else f"env {control.environment}", "dim"), (" · ", "faint")]
    if not narrow:
        right += [("db ok", "dim") if not health.failures else ("db ?", "bad"), (" · ", "faint")]
    right += _age(health, glyphs.live, narrow)
    alerts: Span = (f"{glyphs.alert}{state.alerts}", "bad" if state.critical else "warn" if state.alerts else "dim")
    right += [(" · ", "faint"), alerts]
    if not narrow:
        right += [(" · ", "faint"), (words.clock(control.clock())[:5], "dim")]
    return between(left, [*right, (" ", "")], width)


def _age(health: Health, live: str, narrow: bool) -> list[Span]:
    if health.frozen:
        return [(f"{live} frozen" + ("" if narrow else f" {words.span(health.age_s)}"), "warn")]
    if health.failures or health.age_s > STALE_S:
        return [(f"{live} stale {words.span(health.age_s)}", "warn")]
    return [(live, "ok"), (" live", "dim")]


@lru_cache(maxsize=64)
def places(here: str, width: int) -> Line:
    """The places in the order of the lifecycle, the one we are in marked."""
    spans: list[Span] = [(" ", "")]
    for place in PLACES:
        if place.name == here:
            spans.append((f"[{place.key} {place.short}]", "here"))
        else:
            spans += [(f"{place.key}", "key"), (f" {place.short}", "dim")]
        spans.append((" ", ""))
    return tuple(spans) if width >= 60 else ()


@lru_cache(maxsize=64)
def footer(keymap: Keymap, scopes: tuple[str, ...], width: int) -> Line:
    """The most useful keys here, from the table; a narrow screen keeps four and says where all are."""
    actions = keymap.footer(scopes)
    if width < 100:
        kept = [action for action in actions if action.id not in ("go.help", "app.quit", "list.sort", "list.copy")][:5]
        shown = [(sign(action.key), action.short or action.says) for action in kept] + [("?", "all keys")]
    else:
        shown = [(sign(action.key), action.short or action.says) for action in actions]
        if any(action.id == "list.sort" for action in actions):
            at = [key for key, _ in shown].index(sign(keymap.by_id["list.sort"].key))
            shown[at:at] = [("space", "mark"), (", .", "column")]
    spans: list[Span] = []
    for key, says in shown:
        word: list[Span] = [(" ", ""), (key, "key"), (f" {says} ", "dim")]
        if width_of(spans) + width_of(word) > width:
            break
        spans += word
    return tuple(spans)


def tiny(state: State, control: "ControlRoom", width: int) -> Line:
    """The one line of a terminal below 60 x 16."""
    glyphs = control.glyphs
    alerts = f"{glyphs.alert} {state.alerts} open alerts" if state.alerts else f"{glyphs.ok} no open alerts"
    ink = "bad" if state.critical else "warn" if state.alerts else "ok"
    return ((alerts, ink), (f" · {state.running} running · ", "dim"), ("small terminal, keys still work", "dim"))[
        : 3 if width >= 30 else 1
    ]


__all__ = ["State", "crumbs", "footer", "load", "places", "tiny"]
