"""Answering requests for predictions: one version a request, whatever is swapped meanwhile; what was said is kept."""

import asyncio
import itertools
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.domain.errors import BadInput
from app.domain.states import RolloutState
from app.domain.workspace import Workspace
from app.gateway.entities import Entities
from app.gateway.explaining import explained
from app.gateway.hot import Hot, routes_of
from app.gateway.log import PredictionLog
from app.gateway.metrics import Metrics
from app.gateway.models import Models, Served
from app.gateway.parts import Answered
from app.gateway.protocols import Asked, Protocol
from app.gateway.protocols.plain import PLAIN, read_plain
from app.gateway.records import Malformed, check_records
from app.gateway.settings import Settings
from app.gateway.trials import Comparing, Trial

INLINE_RECORDS = 128
RETRY_AFTER_S = 5
JSON = "application/json"
log = logging.getLogger(__name__)


class Answering:
    """What the fast lane and the routes share; `routes` are the lane's paths, replaced as a whole."""

    def __init__(
        self, workspace: Workspace, models: Models, metrics: Metrics, kept: PredictionLog, comparing: Comparing
    ) -> None:
        self.models, self.metrics, self.log = models, metrics, kept
        self.entities, self.comparing = Entities(workspace), comparing
        self.routes: Mapping[bytes, Hot] = {}
        self._process, self._numbers = secrets.token_hex(4), itertools.count(1)
        models.on_change, models.on_unable = self._follow, comparing.give_back

    def _follow(self) -> None:
        """Take over what the store says now; in the thread that follows it."""
        trials: dict[str, Trial] = {}
        for project, (rollout, beside) in self.models.beside.items():
            known, served = self.comparing.trials.get(project), self.models.current[project]
            if known is not None and known.rollout == rollout and known.serving is served:
                trials[project] = known
            elif rollout.state is RolloutState.WATCH:
                trials[project] = Trial(rollout, served, beside, self._process)
            else:
                trials[project] = Trial(rollout, beside, served, self._process)
        self.routes = routes_of(self.models.current, trials, self.routes)
        self.comparing.follow(trials)

    def at_once(self, hot: Hot, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
        """The whole HTTP answer to plain records or a few entities, or None when there is anything to look at."""
        begun = time.perf_counter()
        try:
            document = orjson.loads(body)
            records, flat = document, None
            asked, key = None, body
            if type(document) is dict:
                flat = hot.reader.row(document)
                if flat is not None:
                    records = (document,)
                elif len(document) != 1:
                    return None
                elif "records" in document:
                    records = document["records"]
                else:
                    asked = self.entities.joined_at_once(read_plain(document), hot.served)
                    if asked is None:
                        return None
                    records, key = asked.records, canary_key(asked.entities)
            if flat is None:
                if not isinstance(records, list) or not 0 < len(records) <= INLINE_RECORDS:
                    return None
                flat = hot.reader.rows(records)
                if flat is None:
                    return None
            said: Hot | Trial = hot
            trial = hot.trial
            if trial is not None and trial.fallen:
                return None
            predictions = trial.answer(records) if trial is not None and trial.picks(key) else None
            if predictions is None:
                predictions = hot.scorer(flat, len(records))
                if trial is not None:
                    trial.mirror(records, predictions, time.perf_counter() - begun)
            else:
                assert trial is not None
                said = trial
        except Exception:  # whatever it is, the usual way looks closer and says what is wrong
            return None
        request_id = f"{self._process}{next(self._numbers):010x}"
        deployment, wire = said.deployment, said.wire
        told = orjson.dumps(predictions)
        if asked is None:
            content = wire.content(told, request_id)
        else:
            content = orjson.dumps(PLAIN.write(said.served, asked, predictions, request_id))
            body = orjson.dumps(records)
        metrics, project = self.metrics, deployment.project
        metrics.predicted(project, deployment.version, len(records))
        self.log.take(Answered(request_id, time.time(), deployment, len(records), body, told))
        metrics.answered(project, 200, time.perf_counter() - begun)
        lines = [b"HTTP/1.1 200 OK\r\n", *(b"%b: %b\r\n" % pair for pair in headers), wire.head]
        lines.append(b"x-request-id: %b\r\ncontent-length: %d\r\n\r\n" % (request_id.encode(), len(content)))
        lines.append(content)
        return b"".join(lines)

    async def answer(
        self, request: Request, protocol: Protocol, project: str | None, *, version: str | None = None
    ) -> Response:
        """Answer one request with one version."""
        begun = time.perf_counter()
        request_id = f"{self._process}{next(self._numbers):010x}"
        headers = {"x-request-id": request_id}
        label = "-"
        try:
            served = self.served(project, version)
            label = served.deployment.project
            body = await read_body(request, protocol.media)
            asked = protocol.read(body, request.headers, served)
            key = canary_key(asked.entities) if asked.entities else body
            if asked.entities:
                asked = await self.entities.joined(asked, served)
            check_records(asked.records, served.fields)
            served, predictions = await self._predicted(served, asked, request.headers.get("x-canary-key", key))
            headers["x-model-version"] = str(served.deployment.version)
            status, content = 200, protocol.write(served, asked, predictions, request_id)
            if asked.explain:
                explanation = await asyncio.to_thread(explained, served.model, asked.records)
                content = {**content, "explanation": explanation}
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

    async def _predicted(self, served: Served, asked: Asked, key: bytes | str) -> tuple[Served, list[Any]]:
        """The answer, and the version that gave it: production, or the candidate of a canary that has this key.

        A version that is watched after its switch and cannot answer is answered for by the one before.
        """
        begun = time.perf_counter()
        trial = self.comparing.trials.get(served.deployment.project)
        if trial is not None and trial.serving is not served:
            trial = None
        if trial is not None and trial.picks(key.encode() if isinstance(key, str) else key):
            predictions = trial.answer(asked.records)
            if predictions is not None:
                return trial.candidate, predictions
        try:
            if trial is not None and trial.fallen:
                return trial.production, await _asked(trial.production, asked)
            predictions = await _asked(served, asked)
        except Exception as error:
            if trial is None or not trial.watches:
                raise
            predictions = await _asked(trial.production, asked)
            trial.failed(error)
            return trial.production, predictions
        if trial is not None:
            trial.mirror(asked.records, predictions, time.perf_counter() - begun)
        return served, predictions

    def served(self, project: str | None, version: str | None = None) -> Served:
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

    def _keep(self, served: Served, records: Sequence[Any], predictions: list[Any], request_id: str) -> None:
        deployment = served.deployment
        self.metrics.predicted(deployment.project, deployment.version, len(predictions))
        inputs, told = orjson.dumps(records), orjson.dumps(predictions)
        self.log.take(Answered(request_id, time.time(), deployment, len(predictions), inputs, told))


async def _asked(served: Served, asked: Asked) -> list[Any]:
    """A version's predictions; many records are not for the event loop."""
    if len(asked.records) <= INLINE_RECORDS:
        return served.model.predict(asked.records)
    return await asyncio.to_thread(served.model.predict, asked.records)


def canary_key(entities: Sequence[Mapping[str, Any]]) -> bytes:
    """What decides whether entities belong to a canary: their keys, in whatever order they were given."""
    return orjson.dumps(entities, option=orjson.OPT_SORT_KEYS)


def _nobody_answers(known: bool, *, failed: bool) -> Malformed:
    if failed:
        return Malformed(503, "the production version of this project cannot be loaded; see /ready")
    if known:
        return Malformed(503, "no version of this project is in production yet")
    return Malformed(404, "there is no such project")


async def read_body(request: Request, media: tuple[str, ...]) -> bytes:
    """The whole body of a request of the right type; raises Malformed when it is too large or too slow."""
    settings: Settings = request.app.state.settings
    if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() not in media:
        raise Malformed(415, f"send the records as {' or '.join(media)}")
    pieces, size = [], 0
    try:
        async with asyncio.timeout(settings.request_s):
            async for piece in request.stream():
                size += len(piece)
                if size > settings.body_bytes:
                    raise Malformed(413, f"a body may have at most {settings.body_bytes:,} bytes")
                pieces.append(piece)
    except TimeoutError:
        raise Malformed(408, f"the body did not arrive within {settings.request_s:g} s") from None
    return b"".join(pieces)


__all__ = ["Answering", "read_body"]
