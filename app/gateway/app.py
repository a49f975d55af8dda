"""The application: plain Starlette routes with orjson inside FastAPI, behind one guard."""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app import __version__
from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.gateway.entities import Entities
from app.gateway.log import Answered, PredictionLog
from app.gateway.metrics import Metrics
from app.gateway.models import Models, Served
from app.gateway.openapi import describe
from app.gateway.protocols import Protocol
from app.gateway.protocols.mlflow import MLFLOW
from app.gateway.protocols.open_inference import OPEN_INFERENCE, model_metadata, server_metadata
from app.gateway.protocols.plain import PLAIN
from app.gateway.records import Malformed, check_records
from app.gateway.security import Guard
from app.store.engine import Store

MAX_BODY_BYTES = 1_000_000
BODY_TIMEOUT_S = 10.0
INLINE_RECORDS = 128
RETRY_AFTER_S = 5
JSON = "application/json"
OPEN_INFERENCE_PATHS = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{model}",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/versions/{version}/ready",
)
log = logging.getLogger(__name__)


class Gateway:
    """One serving process: its models, its log, its metrics and the guarded application `asgi`."""

    def __init__(self, workspace: Workspace, store: Store, *, token: str, max_in_flight: int = 64) -> None:
        self.metrics = Metrics()
        self.models = Models(store, self.metrics)
        self.log = PredictionLog(
            workspace.predictions, on_written=self.metrics.logged.inc, on_dropped=self.metrics.dropped.inc
        )
        self.entities = Entities(workspace)
        self._process, self._numbers = secrets.token_hex(4), itertools.count(1)
        app = FastAPI(title="Trainmaster gateway", lifespan=self._lifespan, redoc_url=None)
        for path, endpoint, method in (
            ("/metrics", self.scrape, "GET"),
            ("/ready", self.ready, "GET"),
            ("/health", self.health, "GET"),
            ("/ping", self.ping, "GET"),
            ("/version", self.version, "GET"),
            *((path, self.open_inference, "GET") for path in OPEN_INFERENCE_PATHS),
            ("/v2/models/{model}/versions/{version}/infer", self.infer, "POST"),
            ("/v2/models/{model}/infer", self.infer, "POST"),
            ("/invocations/{project}", self.invocations, "POST"),
            ("/invocations", self.invocations, "POST"),
            ("/predict/{project}", self.predict, "POST"),  # the last one inserted is the first one asked
        ):
            app.router.routes.insert(0, Route(path, endpoint, methods=[method]))
        app.openapi = lambda: describe(self.models.current)  # type: ignore[method-assign]
        self.asgi = Guard(
            app,
            token=token,
            max_body_bytes=MAX_BODY_BYTES,
            max_in_flight=max_in_flight,
            on_refused=self.metrics.refused,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        self.log.start()
        self.models.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.models.close)
            await asyncio.to_thread(self.log.close)
            self.entities.close()

    async def predict(self, request: Request) -> Response:
        """`/predict/{project}`: a record, a list of records, or {"records": [...]}."""
        return await self._answer(request, PLAIN, str(request.path_params["project"]))

    async def invocations(self, request: Request) -> Response:
        """MLflow's `/invocations`, for the only project that answers, and `/invocations/{project}`."""
        project = request.path_params.get("project")
        return await self._answer(request, MLFLOW, str(project) if project is not None else None)

    async def infer(self, request: Request) -> Response:
        """The Open Inference Protocol's infer; a version that is named must be the one that answers."""
        path = request.path_params
        return await self._answer(request, OPEN_INFERENCE, str(path["model"]), version=path.get("version"))

    async def _answer(
        self, request: Request, protocol: Protocol, project: str | None, *, version: str | None = None
    ) -> Response:
        """Answer one request with one version."""
        begun = time.perf_counter()
        request_id = f"{self._process}{next(self._numbers):010x}"
        headers = {"x-request-id": request_id}
        label = "-"
        try:
            served = self._served(project, version)
            label = served.deployment.project
            headers["x-model-version"] = str(served.deployment.version)
            asked = protocol.read(await _body(request, protocol.media), request.headers, served)
            if asked.entities:
                asked = await self.entities.joined(asked, served)
            check_records(asked.records, served.fields)
            if len(asked.records) <= INLINE_RECORDS:
                predictions = served.model.predict(asked.records)
            else:
                predictions = await asyncio.to_thread(served.model.predict, asked.records)
            status, content = 200, protocol.write(served, asked, predictions, request_id)
            self._keep(served, asked.records, predictions, request_id)
        except Malformed as refusal:
            status = protocol.malformed if refusal.status == 422 else refusal.status
            content = {**refusal.as_json(), "request_id": request_id}
        except BadInput as refusal:
            status = protocol.malformed
            content = {"error": refusal.message, "field": refusal.where, "request_id": request_id}
        except ClientDisconnect:
            status, content = 400, {"error": "the client went away", "request_id": request_id}
        except Exception:
            log.exception("request %s for %s failed", request_id, label if label != "-" else "an unknown project")
            status, content = 500, {"error": "the model could not answer", "request_id": request_id}
        if label == "-" and project in self.models.projects:
            label = str(project)
        self.metrics.answered(label, status, time.perf_counter() - begun)
        if status == 503:
            headers["retry-after"] = str(RETRY_AFTER_S)
        return Response(orjson.dumps(content), status, headers, JSON)

    def _served(self, project: str | None, version: str | None = None) -> Served:
        """The version that answers for a project, or for the only one; raises Malformed when there is none."""
        current = self.models.current
        if project is None:
            if len(current) == 1:
                return next(iter(current.values()))
            if current:
                raise Malformed(400, f"several projects answer here: /invocations/{{{'|'.join(sorted(current))}}}")
            raise _nobody_answers(True, failed=bool(self.models.failures))
        served = current.get(project)
        if served is None:
            raise _nobody_answers(project in self.models.projects, failed=project in self.models.failures)
        if version is not None and version != str(served.deployment.version):
            raise Malformed(404, f"version {served.deployment.version} answers for this model, no other")
        return served

    async def open_inference(self, request: Request) -> Response:
        """The Open Inference Protocol's questions without a body: server and model, metadata, live and ready."""
        path, name = request.url.path.removesuffix("/"), request.path_params.get("model")
        content: Mapping[str, object]
        try:
            if name is None:
                ready = self.models.looked and not self.models.failures
                match path:
                    case "/v2/health/live":
                        status, content = 200, {"live": True}
                    case "/v2/health/ready":
                        status, content = (200 if ready else 503), {"ready": ready}
                    case _:
                        status, content = 200, server_metadata()
            else:
                served = self._served(str(name), request.path_params.get("version"))
                is_ready = path.endswith("/ready")
                status = 200
                content = {"name": name, "ready": True} if is_ready else model_metadata(served)
        except Malformed as refusal:
            status, content = refusal.status, refusal.as_json()
        return Response(orjson.dumps(content), status, media_type=JSON)

    async def ping(self, _request: Request) -> Response:
        """MLflow's `/ping`: whether a model answers."""
        return Response(b"\n", 200 if self.models.current else 503, media_type=JSON)

    async def version(self, _request: Request) -> Response:
        """MLflow's `/version`: what answers here, and which release of it."""
        return Response(f"trainmaster {__version__}".encode(), media_type="text/plain")

    def _keep(self, served: Served, records: Sequence[Any], predictions: list[Any], request_id: str) -> None:
        deployment = served.deployment
        self.metrics.predicted(deployment.project, deployment.version, len(predictions))
        self.log.take(
            Answered(
                request_id,
                datetime.now(UTC),
                deployment.project,
                deployment.model,
                deployment.version,
                deployment.feature_set_version,
                deployment.key,
                [orjson.dumps(record) for record in records],
                predictions,
            )
        )

    async def health(self, _request: Request) -> Response:
        """Whether the process lives; open to everybody on this machine."""
        return Response(b'{"status":"ok"}', media_type=JSON)

    async def ready(self, _request: Request) -> Response:
        """Whether every active deployment answers, and what stands in the way."""
        current, failures = self.models.current, self.models.failures
        projects: dict[str, dict[str, object]] = {
            name: {"version": served.deployment.version, "deployment": served.deployment.key}
            for name, served in current.items()
        }
        for name, failure in failures.items():
            projects.setdefault(name, {})["problem"] = failure.says
        ok = self.models.looked and not failures
        says = "ready" if ok else ("loading" if not self.models.looked else "a version cannot be loaded")
        return Response(
            orjson.dumps({"ready": ok, "says": says, "projects": projects}), 200 if ok else 503, media_type=JSON
        )

    async def scrape(self, _request: Request) -> Response:
        """The metrics for Prometheus."""
        self.metrics.in_flight.set(self.asgi.in_flight)
        self.metrics.queued.set(self.log.queued_rows)
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _nobody_answers(known: bool, *, failed: bool) -> Malformed:
    if failed:
        return Malformed(503, "the production version of this project cannot be loaded; see /ready")
    if known:
        return Malformed(503, "no version of this project is in production yet")
    return Malformed(404, "there is no such project")


async def _body(request: Request, media: tuple[str, ...]) -> bytes:
    if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() not in media:
        raise Malformed(415, f"send the records as {' or '.join(media)}")
    pieces, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                size += len(piece)
                if size > MAX_BODY_BYTES:
                    raise Malformed(413, f"a body may have at most {MAX_BODY_BYTES:,} bytes")
                pieces.append(piece)
    except TimeoutError:
        raise Malformed(408, f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    return b"".join(pieces)


__all__ = ["Gateway"]
