"""A store with a small registered model whose active deployment can be moved."""

import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import update
from sqlmodel import col

from app.domain.ids import new_key
from app.domain.problem import Task
from app.domain.states import CauseKind, DeploymentState, RunState, Stage
from app.domain.workspace import Workspace
from app.gateway.app import Gateway
from app.learning.package import Package, make_package
from app.learning.signature import Feature, Signature
from app.store import artifacts
from app.store.engine import Store
from app.store.tables import Deployment, FeatureSet, Model, ModelVersion, Project, Run

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TOKEN = "a-token-of-tests"
RECORD = {"hour": 9.0, "carrier": "AA"}
SIGNATURE = Signature(
    Task.BINARY,
    "late",
    (Feature("hour", "number", "schedule"), Feature("carrier", "category", "schedule", categories=("AA", "UA"))),
    ("0", "1"),
)
Promote = Callable[..., int]


@functools.cache
def package(answer: float, *, canary_answer: float | None = None) -> Package:
    """A model that answers `answer` for every record."""
    import lightgbm

    log_odds = float(np.log(answer / (1 - answer)))
    data = np.column_stack([np.arange(40.0), np.tile([0.0, 1.0], 20)])
    parameters = {"objective": "binary", "verbosity": -1, "num_leaves": 2, "min_data_in_leaf": 1, "learning_rate": 1e-9}
    labels = np.tile([0, 1], 20)
    booster = lightgbm.train(
        parameters, lightgbm.Dataset(data, labels, init_score=np.full(40, 0.0), params={"verbosity": -1}), 1
    )
    text = booster.model_to_string()
    line = next(line for line in text.splitlines() if line.startswith("leaf_value="))
    leaves = " ".join([repr(log_odds)] * len(line.removeprefix("leaf_value=").split()))
    text = _resized(text.replace(line, f"leaf_value={leaves}"))
    exact = float(lightgbm.Booster(model_str=text).predict(np.array([[9.0, 0.0]]))[0])
    facts: dict[str, Any] = {
        "signature": SIGNATURE.as_json(),
        "features": {"version": 1},
        "configuration": {},
        "environment": {},
        "commit": "0" * 40,
        "windows": {},
        "metrics": {},
        "slices": [],
        "rows": {"train": 40},
        "seed": 7,
    }
    kept = exact if canary_answer is None else canary_answer
    return make_package(model=text.encode(), inputs=[dict(RECORD)], predictions=[kept], facts=facts)


def _resized(text: str) -> str:
    """The same text with the byte size of its tree corrected."""
    head, tree, rest = text.partition("Tree=0")
    body, end, tail = rest.partition("end of trees")
    size = len((tree + body).encode())
    sizes = next(line for line in head.splitlines() if line.startswith("tree_sizes="))
    return head.replace(sizes, f"tree_sizes={size}") + tree + body + end + tail


@pytest.fixture
def promote(store: Store) -> Promote:
    """Register a package as the next version of `flight-delay` and make it the active deployment."""
    with store.write() as session:
        project = Project(name="flight-delay", created_at=NOW)
        session.add(project)
        session.flush()
        run = Run(
            key=new_key(),
            flow="train",
            project_id=project.id or 0,
            state=RunState.COMPLETED,
            cause=CauseKind.PERSON,
            requested_by="tests",
            requested_at=NOW,
        )
        model = Model(name="flight-delay", project_id=project.id or 0, created_at=NOW)
        session.add_all([run, model])
        session.flush()
        features = FeatureSet(
            project_id=project.id or 0,
            run_id=run.id or 0,
            version=4,
            digest="a" * 64,
            rules_digest="b" * 64,
            rows=40,
            created_at=NOW,
        )
        session.add(features)
        session.flush()
        ids = (project.id or 0, run.id or 0, model.id or 0, features.id or 0)
    known: dict[int, int] = {}

    def register(version: int, made: Package) -> int:
        _, run_id, model_id, features_id = ids
        with store.write() as session:
            kept = [
                artifacts.put(session, content, kind="model", media_type="text/plain", now=NOW)
                for content in (made.manifest_bytes, made.model, made.canary_bytes)
            ]
            row = ModelVersion(
                model_id=model_id,
                version=version,
                stage=Stage.STAGING,
                run_id=run_id,
                feature_set_id=features_id,
                digest=str(made.manifest["digest"]),
                manifest=kept[0],
                model_bytes=kept[1],
                canary=kept[2],
                profile=kept[2],
                created_at=NOW,
            )
            session.add(row)
            session.flush()
            return row.id or 0

    def activate(version: int, made: Package | None = None) -> int:
        if made is not None:
            known[version] = register(version, made)
        with store.write() as session:
            session.connection().execute(
                update(Deployment)
                .where(col(Deployment.state) == DeploymentState.ACTIVE)
                .values(state=DeploymentState.REPLACED)
            )
            session.add(
                Deployment(
                    key=new_key(),
                    project_id=ids[0],
                    version_id=known[version],
                    state=DeploymentState.ACTIVE,
                    created_at=NOW,
                    changed_at=NOW,
                )
            )
        return known[version]

    return activate


@pytest.fixture
def gateway(workspace: Workspace, store: Store) -> Iterator[Gateway]:
    """A gateway that looks at the store only when told to; its log takes, and writes once a test starts it."""
    made = Gateway(workspace, store, token=TOKEN)
    yield made
    made.log.close()


@pytest.fixture
async def client(gateway: Gateway) -> Any:
    """A client of the guarded application, with the token."""
    transport = httpx.ASGITransport(app=gateway.asgi, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers) as made:
        yield made
