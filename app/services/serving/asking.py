"""Serving: which version answers for which project, and a small client of the gateway."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.errors import BadInput, NotFound, Refused, TrainmasterError, Unavailable
from app.domain.workspace import Workspace
from app.store.reader import Reader

TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 16_000_000


@dataclass(frozen=True)
class ActiveDeployment:
    """The pointer of a project: the version that answers now."""

    key: str
    project: str
    model: str
    version_id: int
    version: int
    digest: str
    feature_set_version: int


ACTIVE = """
SELECT d.key, p.name AS project, m.name AS model, v.id AS version_id, v.version, v.digest,
       f.version AS feature_set_version
FROM deployment d
JOIN project p ON p.id = d.project_id
JOIN model_version v ON v.id = d.version_id
JOIN model m ON m.id = v.model_id
JOIN feature_set f ON f.id = v.feature_set_id
WHERE d.state = 'active'
ORDER BY p.name
"""


def active_deployments(reader: Reader) -> list[ActiveDeployment]:
    """The active deployment of every project that has one."""
    return [ActiveDeployment(**row) for row in reader.rows(ACTIVE)]


@dataclass(frozen=True)
class GatewayHealth:
    """What a gateway says of itself; latencies are read from the histogram, in milliseconds."""

    up: bool
    ready: bool
    says: str
    requests: int = 0
    errors: int = 0
    predictions: int = 0
    dropped_rows: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    projects: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def gateway_url(workspace: Workspace) -> str:
    """Where the workspace's gateway listens; raises Unavailable before it was ever started."""
    try:
        port = int(json.loads(workspace.ports_file.read_text())["gateway"])
    except (OSError, ValueError, KeyError, TypeError):
        raise Unavailable("the gateway was never started here", next_step="trainmaster up") from None
    return f"http://127.0.0.1:{port}"


def health(workspace: Workspace, *, timeout_s: float = 1.0) -> GatewayHealth:
    """Ask the gateway how it is; never raises for one that is down."""
    try:
        status, ready = _call(workspace, "GET", "/ready", timeout_s=timeout_s)
        metrics = metrics_of(workspace, timeout_s=timeout_s)
    except TrainmasterError as error:
        return GatewayHealth(False, False, error.message)
    document = json.loads(ready) if status in (200, 503) else {}
    name = "trainmaster_gateway"
    answers = metrics.get(f"{name}_requests_total", {})
    buckets = _buckets(metrics.get(f"{name}_latency_seconds_bucket", {}))
    return GatewayHealth(
        up=True,
        ready=status == 200,
        says=str(document.get("says", "")),
        requests=int(sum(answers.values())),
        errors=int(sum(value for labels, value in answers.items() if 'status="5' in labels)),
        predictions=int(sum(metrics.get(f"{name}_predictions_total", {}).values())),
        dropped_rows=int(sum(metrics.get(f"{name}_dropped_rows_total", {}).values())),
        p50_ms=quantile_ms(buckets, 0.5),
        p99_ms=quantile_ms(buckets, 0.99),
        projects=document.get("projects", {}),
    )


def metrics_of(workspace: Workspace, *, timeout_s: float = 1.0) -> dict[str, dict[str, float]]:
    """The gateway's metrics, as `parse_metrics` gives them; raises Unavailable."""
    return parse_metrics(_call(workspace, "GET", "/metrics", timeout_s=timeout_s)[1].decode())


def ask(workspace: Workspace, project: str, records: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Predictions of records by the running gateway: predictions, model, version, request_id and more.

    Errors: Unavailable when it is down or nothing is promoted, NotFound for an unknown project, BadInput for a record
    that the model cannot read.
    """
    return _asked(workspace, project, {"records": list(records)})


def ask_entities(workspace: Workspace, project: str, entities: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """The same for entities, whose features come from the online store; `features` says how old they are.

    Errors: as `ask`; NotFound for an unknown entity, Refused for stale features when the project refuses them.
    """
    return _asked(workspace, project, {"entities": list(entities)})


def _asked(workspace: Workspace, project: str, document: Mapping[str, object]) -> dict[str, object]:
    try:
        body = json.dumps(document, allow_nan=False).encode()
    except ValueError:
        raise BadInput("NaN and infinity are no JSON", next_step="give null for an unknown value") from None
    status, answer = _call(workspace, "POST", f"/predict/{project}", body=body)
    told = json.loads(answer)
    if status == 200:
        return dict(told)
    says = str(told.get("error", f"the gateway answered {status}"))
    places = [f"{name} {told[name]}" for name in ("record", "field") if name in told]
    where = " ".join(places) or None
    match status:
        case 404:
            raise NotFound(says, where=where, next_step=f"trainmaster features ls --project {project}")
        case 400 | 413 | 415 | 422:
            raise BadInput(says, where=where, next_step=f"trainmaster models show {project}")
        case 503:
            raise Unavailable(says, next_step=f"trainmaster models promote {project} VERSION")
        case _:
            raise Refused(says, next_step="trainmaster status")


def parse_metrics(text: str) -> dict[str, dict[str, float]]:
    """Prometheus' text format as {metric: {labels: value}}.

    >>> parse_metrics('# HELP a b\\na_total{p="x"} 3.0\\nup 1.0\\n')
    {'a_total': {'p="x"': 3.0}, 'up': {'': 1.0}}
    """
    found: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        left, _, value = line.rpartition(" ")
        name, _, labels = left.partition("{")
        found.setdefault(name, {})[labels.removesuffix("}")] = float(value)
    return found


def _buckets(series: Mapping[str, float]) -> dict[float, float]:
    """Cumulative counts by upper bound in seconds, over all projects."""
    totals: dict[float, float] = {}
    for labels, value in series.items():
        bound = next(part for part in labels.split(",") if part.startswith('le="'))[4:-1]
        totals[float(bound.replace("+Inf", "inf"))] = totals.get(float(bound.replace("+Inf", "inf")), 0.0) + value
    return totals


def _call(
    workspace: Workspace, method: str, path: str, *, body: bytes | None = None, timeout_s: float = TIMEOUT_S
) -> tuple[int, bytes]:
    try:
        token = workspace.token_file.read_text().strip()
    except OSError:
        raise Unavailable("there is no token: the gateway was never started here", next_step="trainmaster up") from None
    request = urllib.request.Request(  # noqa: S310 - always http on loopback, see gateway_url
        gateway_url(workspace) + path,
        data=body,
        method=method,
        headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        return error.code, error.read(MAX_ANSWER_BYTES)
    except (OSError, ValueError) as error:
        raise Unavailable(f"the gateway does not answer ({type(error).__name__})", next_step="trainmaster up") from None


def quantile_ms(buckets: Mapping[float, float], share: float) -> float | None:
    """The quantile of cumulative buckets (bounds in seconds) in milliseconds, straight within its bucket.

    >>> quantile_ms({0.001: 5, 0.002: 10, float("inf"): 10}, 0.5), quantile_ms({}, 0.5)
    (1.0, None)
    """
    wanted = share * max(buckets.values(), default=0.0)
    if wanted <= 0:
        return None
    low, below = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= wanted:
            inside = (wanted - below) / (count - below) if count > below else 1.0
            return (low + (bound - low) * inside) * 1000 if bound != float("inf") else low * 1000
        low, below = bound, count
    return None


__all__ = [
    "ActiveDeployment",
    "GatewayHealth",
    "active_deployments",
    "ask",
    "ask_entities",
    "gateway_url",
    "health",
    "metrics_of",
    "parse_metrics",
    "quantile_ms",
]
