"""What a thing came from, and what came from it, with labels and digests."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.domain.errors import NotFound, Usage
from app.domain.ids import Ref
from app.store.engine import Store
from app.store.queries.lineage import graph_around
from app.store.queries.rows import where
from app.store.reader import Reader, Row

NEXT = "trainmaster lineage model:NAME@production"


@dataclass(frozen=True)
class Node:
    """One thing of the graph; `depth` is its distance from the centre, negative upstream."""

    id: str
    kind: str
    label: str
    digest: str | None
    depth: int


@dataclass(frozen=True)
class Link:
    """Data flows from `source` to `target`, for the reason `kind`."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Lineage:
    """The graph around one thing."""

    centre: str
    nodes: tuple[Node, ...]
    edges: tuple[Link, ...]

    def as_json(self) -> dict[str, list[dict[str, str | None]]]:
        """The same as plain values: nodes (id, kind, label, digest), edges (from, to, kind)."""
        return {
            "nodes": [
                {"id": node.id, "kind": node.kind, "label": node.label, "digest": node.digest} for node in self.nodes
            ],
            "edges": [{"from": edge.source, "to": edge.target, "kind": edge.kind} for edge in self.edges],
        }


def lineage(store: Store, ref: Ref, *, depth: int = 32) -> Lineage:
    """The graph around a thing; raises NotFound when there is no such thing, Usage for a kind that does not exist.

    Names are resolved: `model:NAME@production`, `model:NAME` (newest), `features:NAME@newest`,
    `deployment:NAME@active`, and a unique beginning of a key (`run:7f3a`).
    """
    reader = store.reader
    centre = resolve(reader, ref)
    graph = graph_around(reader, centre.kind, centre.key, depth=depth)
    described = _described(reader, [Ref.parse(node) for node in graph.nodes])
    nodes = []
    for name, distance in graph.nodes.items():
        node = Ref.parse(name)
        label, digest = described.get(node, (name, None))
        nodes.append(Node(name, node.kind, label, digest, distance))
    return Lineage(str(centre), tuple(nodes), tuple(Link(edge.source, edge.target, edge.kind) for edge in graph.edges))


def resolve(reader: Reader, ref: Ref) -> Ref:
    """The node behind a reference; raises NotFound or Usage."""
    match ref.kind:
        case "model":
            return Ref("model", _model_key(reader, ref))
        case "features" if "/" not in ref.key:
            name, _, word = ref.key.partition("@")
            if word not in ("", "newest"):
                raise _missing(ref)
            sql = """SELECT p.name || '/v' || f.version AS key FROM feature_set f JOIN project p ON p.id = f.project_id
                WHERE p.name = :name ORDER BY f.version DESC LIMIT 1"""
            return _only(ref, reader.rows(sql, {"name": name}))
        case "deployment" if ref.key.endswith("@active"):
            sql = """SELECT d.key FROM deployment d JOIN project p ON p.id = d.project_id
                WHERE p.name = :name AND d.state = 'active' LIMIT 2"""
            return _only(ref, reader.rows(sql, {"name": ref.key.removesuffix("@active")}))
        case kind if kind in _KEYED:
            sql = f"SELECT key FROM {_KEYED[kind]} WHERE key >= :low AND key < :high ORDER BY key LIMIT 2"  # noqa: S608
            return _only(ref, reader.rows(sql, {"low": ref.key, "high": ref.key + "~"}))
        case kind if kind in _KNOWN_BY_EDGES:
            return _only(ref, _known_by_edges(reader, ref))
        case _:
            kinds = ", ".join(sorted([*_KEYED, *_KNOWN_BY_EDGES, "model"]))
            raise Usage(f"{ref.kind!r} is no kind of thing; kinds are {kinds}", next_step=NEXT)


_KNOWN_BY_EDGES = (
    "bundle",
    "commit",
    "features",
    "online",
    "profile",
    "project",
    "rules",
    "source",
    "training_set",
)
_KEYED = {
    "run": "run",
    "snapshot": "snapshot",
    "deployment": "deployment",
    "predictions": "prediction_batch",
    "report": "monitor_report",
    "alert": "alert",
    "decision": "decision",
    "feedback": "feedback_item",
}


def _model_key(reader: Reader, ref: Ref) -> str:
    name, at, stage = ref.key.partition("@")
    bound: dict[str, object] = {"name": name}
    conditions = ["m.name = :name"]
    if at:
        conditions.append("v.stage = :stage")
        bound["stage"] = stage
    elif "/" in ref.key:
        bound["name"], _, number = ref.key.rpartition("/")
        if not number.removeprefix("v").isdecimal():
            raise _missing(ref)
        conditions.append("v.version = :version")
        bound["version"] = int(number.removeprefix("v"))
    sql = f"""SELECT m.name || '/' || v.version AS key FROM model_version v JOIN model m ON m.id = v.model_id
        {where(conditions)} ORDER BY v.version DESC LIMIT 1"""  # noqa: S608
    return _only(ref, reader.rows(sql, bound)).key


def _known_by_edges(reader: Reader, ref: Ref) -> list[Row]:
    """Nodes without rows of their own are known by their edges; a beginning of a commit or digest is enough."""
    high = ref.key + "~" if ref.kind in ("bundle", "commit", "profile", "rules") else ref.key
    sql = """SELECT from_key AS key FROM lineage_edge WHERE from_kind = :kind AND from_key >= :low AND from_key <= :high
        UNION SELECT to_key FROM lineage_edge WHERE to_kind = :kind AND to_key >= :low AND to_key <= :high LIMIT 2"""
    return reader.rows(sql, {"kind": ref.kind, "low": ref.key, "high": high})


def _only(ref: Ref, rows: list[Row]) -> Ref:
    if len(rows) > 1 and not any(row["key"] == ref.key for row in rows):
        raise NotFound(f"more than one {ref.kind} begins with {ref.key!r}", next_step=NEXT)
    if not rows:
        raise _missing(ref)
    return Ref(ref.kind, str(rows[0]["key"]))


def _missing(ref: Ref) -> NotFound:
    return NotFound(f"there is no {ref}", next_step=NEXT)


_LABELS: dict[str, str] = {
    "run": """SELECT key, flow || ' run ' || key || ' (' || state || ')' AS label, NULL AS digest FROM run
        WHERE key IN ({})""",
    "snapshot": """SELECT key, source || ' ' || key || ' (' || rows || ' rows)' AS label, digest FROM snapshot
        WHERE key IN ({})""",
    "features": """SELECT p.name || '/v' || f.version AS key, p.name || ' features v' || f.version AS label, f.digest
        FROM feature_set f JOIN project p ON p.id = f.project_id WHERE p.name || '/v' || f.version IN ({})""",
    "model": """SELECT m.name || '/' || v.version AS key, m.name || ' v' || v.version || ' (' || v.stage || ')'
        AS label, v.digest FROM model_version v JOIN model m ON m.id = v.model_id
        WHERE m.name || '/' || v.version IN ({})""",
    "deployment": """SELECT d.key, 'deployment of v' || v.version || ' (' || d.state || ')' AS label, v.digest
        FROM deployment d JOIN model_version v ON v.id = d.version_id WHERE d.key IN ({})""",
    "predictions": """SELECT key, rows || ' predictions' AS label, artifact AS digest FROM prediction_batch
        WHERE key IN ({})""",
    "report": "SELECT key, 'report over ' || rows || ' rows' AS label, digest FROM monitor_report WHERE key IN ({})",
    "training_set": """SELECT p.name || '/' || t.name || '/' || t.version AS key,
        'training set ' || t.name || '/' || t.version || ' (' || t.rows || ' rows)' AS label, t.digest
        FROM training_set t JOIN project p ON p.id = t.project_id
        WHERE p.name || '/' || t.name || '/' || t.version IN ({})""",
    "alert": "SELECT key, signal || ' (' || state || ')' AS label, NULL AS digest FROM alert WHERE key IN ({})",
    "decision": """SELECT key, CASE WHEN retrain THEN 'retrain: ' ELSE 'no retrain: ' END || reason AS label,
        NULL AS digest FROM decision WHERE key IN ({})""",
}

_SAID: dict[str, Callable[[str], tuple[str, str | None]]] = {
    "bundle": lambda key: (f"bundle {key[:12]}", key),
    "commit": lambda key: (f"commit {key[:12]}", key),
    "rules": lambda key: (f"rules {key}", key),
    "source": lambda key: (f"source {key}", None),
    "profile": lambda key: (f"profile {key[:12]}", key),
    "project": lambda key: (f"project {key}", None),
    "online": lambda key: (f"online rows of {key}", None),
}


def _described(reader: Reader, nodes: Iterable[Ref]) -> dict[Ref, tuple[str, str | None]]:
    described: dict[Ref, tuple[str, str | None]] = {}
    by_kind: dict[str, list[str]] = {}
    for node in nodes:
        if node.kind in _SAID:
            described[node] = _SAID[node.kind](node.key)
        else:
            by_kind.setdefault(node.kind, []).append(node.key)
    for kind, keys in by_kind.items():
        if kind not in _LABELS:
            continue
        for start in range(0, len(keys), 500):
            bound = {f"k{at}": key for at, key in enumerate(keys[start : start + 500])}
            for row in reader.rows(_LABELS[kind].format(", ".join(f":{name}" for name in bound)), bound):
                described[Ref(kind, row["key"])] = (row["label"], row["digest"])
    return described
