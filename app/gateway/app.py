"""The application: plain Starlette routes with orjson inside FastAPI, behind one guard."""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.errors import BadInput
from app.domain.workspace import Workspace
from app.gateway.log import Answered, PredictionLog
from app.gateway.metrics import Metrics
from app.gateway.models import Models, Served
from app.gateway.openapi import describe
from app.gateway.records import Malformed, check_records, read_records
from app.gateway.security import Guard
from app.store.engine import Store

MAX_BODY_BYTES = 1_000_000
BODY_TIMEOUT_S = 10.0
INLINE_RECORDS = 128
RETRY_AFTER_S = 5
JSON = "application/json"
log = logging.getLogger(__name__)


class Gateway:
    """One serving process: its models, its log, its metrics and the guarded application `asgi`."""

    def __init__(self, workspace: Workspace, store: Store, *, token: str, max_in_flight: int = 64) -> None:
        self.metrics = Metrics()
        self.models = Models(store, self.metrics)
        self.log = PredictionLog(
            workspace.predictions, on_written=self.metrics.logged.inc, on_dropped=self.metrics.dropped.inc
        )
        self._process, self._numbers = secrets.token_hex(4), itertools.count(1)
        app = FastAPI(title="Trainmaster gateway", lifespan=self._lifespan, redoc_url=None)
        for path, endpoint, method in (
            ("/metrics", self.scrape, "GET"),
            ("/ready", self.ready, "GET"),
            ("/health", self.health, "GET"),
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

    async def predict(self, request: Request) -> Response:
        """Answer one request with one version."""
        begun = time.perf_counter()
        project = str(request.path_params["project"])
        request_id = f"{self._process}{next(self._numbers):010x}"
        known = project in self.models.projects
        served = self.models.current.get(project)
        try:
            if served is None:
                raise _nobody_answers(known, failed=project in self.models.failures)
            records = read_records(await _body(request))
            check_records(records, served.fields)
            if len(records) <= INLINE_RECORDS:
                predictions = served.model.predict(records)
            else:
                predictions = await asyncio.to_thread(served.model.predict, records)
            status, content = 200, _answer(served, predictions, request_id)
            self._keep(served, records, predictions, request_id)
        except Malformed as refusal:
            status, content = refusal.status, {**refusal.as_json(), "request_id": request_id}
        except BadInput as refusal:
            status, content = 422, {"error": refusal.message, "field": refusal.where, "request_id": request_id}
        except ClientDisconnect:
            status, content = 400, {"error": "the client went away", "request_id": request_id}
        except Exception:
            log.exception("request %s for %s failed", request_id, project if known else "an unknown project")
            status, content = 500, {"error": "the model could not answer", "request_id": request_id}
        label = project if known else "-"
        self.metrics.answered(label, status, time.perf_counter() - begun)
        headers = {"x-request-id": request_id} | ({"retry-after": str(RETRY_AFTER_S)} if status == 503 else {})
        return Response(orjson.dumps(content), status, headers, JSON)

    def _keep(self, served: Served, records: list[Any], predictions: list[Any], request_id: str) -> None:
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


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() != JSON:
        raise Malformed(415, "send the records as application/json")
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


def _answer(served: Served, predictions: list[Any], request_id: str) -> dict[str, object]:
    deployment = served.deployment
    answer: dict[str, object] = {
        "predictions": predictions,
        "project": deployment.project,
        "model": deployment.model,
        "version": deployment.version,
        "feature_set_version": deployment.feature_set_version,
        "request_id": request_id,
    }
    if served.model.signature.classes:
        answer["classes"] = served.model.signature.classes
    return answer


__all__ = ["Gateway"]
