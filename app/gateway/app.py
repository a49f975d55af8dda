"""The application: plain Starlette routes with orjson inside FastAPI, behind one guard."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import __version__
from app.domain.workspace import Workspace
from app.gateway.answering import JSON, Answering
from app.gateway.hot import Hot
from app.gateway.lane import Lane
from app.gateway.log import PredictionLog
from app.gateway.metrics import Metrics
from app.gateway.models import Models
from app.gateway.openapi import describe
from app.gateway.protocols.mlflow import MLFLOW
from app.gateway.protocols.open_inference import OPEN_INFERENCE, model_metadata, server_metadata
from app.gateway.protocols.plain import PLAIN
from app.gateway.records import Malformed
from app.gateway.security import Guard
from app.gateway.settings import Settings
from app.gateway.store_metrics import StoreMetrics
from app.gateway.trials import Comparing
from app.store.engine import Store

FIRST_LOOK_S = 10.0
OPEN_INFERENCE_PATHS = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{model}",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/versions/{version}/ready",
)


class Gateway:
    """One serving process: its models, its log, its metrics and the guarded application `asgi`."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        *,
        token: str,
        settings: Settings | None = None,
        counters: Path | None = None,
        on_ready: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_ready = on_ready
        self.settings = settings or Settings()
        self.metrics = Metrics(counters)
        self.store_metrics = StoreMetrics(store.reader)
        self.models = Models(store, self.metrics)
        self.log = PredictionLog(
            workspace.predictions,
            keep_days=self.settings.log_days,
            keep_bytes=None if self.settings.log_megabytes is None else int(self.settings.log_megabytes * 1e6),
            on_written=lambda rows: self.metrics.count("logged_rows", by=rows),
            on_dropped=lambda rows: self.metrics.count("dropped_rows", by=rows),
            on_warm=self._warm,
        )
        self.comparing = Comparing(workspace, store, self.metrics)
        self.answering = Answering(workspace, self.models, self.metrics, self.log, self.comparing)
        self.connections: set[Lane] = set()
        self.credential = b"Bearer " + token.encode()
        self.at_once, self.entities = self.answering.at_once, self.answering.entities
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
        app.state.settings = self.settings
        app.openapi = lambda: describe(self.models.current)  # type: ignore[method-assign]
        self.asgi = Guard(
            app,
            token=token,
            hosts=self.settings.names,
            origins=self.settings.origins,
            max_body_bytes=self.settings.body_bytes,
            max_in_flight=self.settings.in_flight,
            on_refused=self.metrics.refused,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        self.log.start()
        self.models.start()
        until = time.monotonic() + FIRST_LOOK_S
        while not self.models.looked and time.monotonic() < until:
            await asyncio.sleep(0.01)  # a process beside others takes no request that it could not answer yet
        self._on_ready()
        watch = asyncio.get_running_loop().create_task(self._end_overdue())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.to_thread(self.models.close)
            await asyncio.to_thread(self.comparing.close)
            await asyncio.to_thread(self.log.close)
            self.entities.close()

    def _warm(self) -> None:
        """A moment after the start, in a thread: load what the first requests did not need."""
        self.entities.warm()
        self._on_ready()

    async def _end_overdue(self) -> None:
        """Close connections whose request does not arrive, and those that are silent."""
        request_s, idle_s = self.settings.request_s, self.settings.idle_s
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, request_s / 4))
            now = loop.time()
            self._gauge()  # siblings add these up without asking
            for connection in list(self.connections):
                if connection.is_overdue(now, request_s=request_s, idle_s=idle_s):
                    connection.end()

    @property
    def routes(self) -> Mapping[bytes, Hot]:
        """What the fast lane answers."""
        return self.answering.routes

    async def predict(self, request: Request) -> Response:
        """`/predict/{project}`: a record, a list of records, or {"records": [...]}."""
        return await self.answering.answer(request, PLAIN, str(request.path_params["project"]))

    async def invocations(self, request: Request) -> Response:
        """MLflow's `/invocations`, for the only project that answers, and `/invocations/{project}`."""
        project = request.path_params.get("project")
        return await self.answering.answer(request, MLFLOW, str(project) if project is not None else None)

    async def infer(self, request: Request) -> Response:
        """The Open Inference Protocol's infer; a version that is named must be the one that answers."""
        path = request.path_params
        return await self.answering.answer(request, OPEN_INFERENCE, str(path["model"]), version=path.get("version"))

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
                served = self.answering.served(str(name), request.path_params.get("version"))
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

    def _gauge(self) -> None:
        self.metrics.gauge("in_flight", self.asgi.in_flight)
        self.metrics.gauge("queued_rows", self.log.queued_rows)
        self.metrics.gauge("connections", len(self.connections))

    async def scrape(self, _request: Request) -> Response:
        """The metrics for Prometheus."""
        self._gauge()
        text = self.metrics.text() + await asyncio.to_thread(self.store_metrics.text)
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


__all__ = ["Gateway"]
