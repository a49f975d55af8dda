"""The graph of what came from what, around one node."""

from dataclasses import dataclass

from app.store.reader import Reader


@dataclass(frozen=True, order=True)
class Edge:
    """Data flowed from one node to another, for the reason `kind`; nodes are written `kind:key`."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True)
class Graph:
    """Nodes (`kind:key`, with their distance from the centre, negative upstream) and edges."""

    centre: str
    nodes: dict[str, int]
    edges: tuple[Edge, ...]


_WALK = """
WITH RECURSIVE walk(kind, key, depth) AS (
  SELECT CAST(:kind AS VARCHAR), CAST(:key AS VARCHAR), 0
  UNION
  SELECT e.{there}_kind, e.{there}_key, w.depth + 1
  FROM walk w JOIN lineage_edge e ON e.{here}_kind = w.kind AND e.{here}_key = w.key WHERE w.depth < :depth
)
SELECT DISTINCT e.from_kind, e.from_key, e.to_kind, e.to_key, e.kind, w.depth
FROM walk w JOIN lineage_edge e ON e.{here}_kind = w.kind AND e.{here}_key = w.key
WHERE w.depth < :depth ORDER BY w.depth
"""


def graph_around(
    reader: Reader, kind: str, key: str, *, depth: int = 32, upstream: bool = True, downstream: bool = True
) -> Graph:
    """Everything that a node came from and everything that came from it, at most `depth` steps away."""
    centre = f"{kind}:{key}"
    nodes = {centre: 0}
    edges: dict[Edge, None] = {}
    ways = [("to", "from", -1)] if upstream else []
    ways += [("from", "to", 1)] if downstream else []
    for here, there, sign in ways:
        sql = _WALK.format(here=here, there=there)
        for row in reader.rows(sql, {"kind": kind, "key": key, "depth": depth}):
            edge = Edge(f"{row['from_kind']}:{row['from_key']}", f"{row['to_kind']}:{row['to_key']}", row["kind"])
            edges[edge] = None  # an edge that two ways lead to comes twice
            nodes.setdefault(f"{row[there + '_kind']}:{row[there + '_key']}", sign * (row["depth"] + 1))
    return Graph(centre, nodes, tuple(edges))
