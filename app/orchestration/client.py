"""A small client of Prefect's REST API: it needs no Prefect, so screens and commands may use it."""

import base64
import time
import uuid
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from app.domain.errors import NotFound, Refused, Unavailable
from app.orchestration.server import Endpoint

if TYPE_CHECKING:
    import httpx

Json = dict[str, Any]
TIMEOUT_S = 10.0
BUSY_PAUSES_S = (0.1, 0.3, 0.8)
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class Orchestrator:
    """Speaks to one Prefect API; every method raises Unavailable when it does not answer."""

    def __init__(self, where: Endpoint, *, timeout_s: float = TIMEOUT_S) -> None:
        import httpx

        headers = {}
        if where.auth:
            headers["Authorization"] = "Basic " + base64.b64encode(where.auth.encode()).decode()
        self._http = httpx.Client(
            base_url=where.url + "/", headers=headers, timeout=timeout_s, trust_env=not where.ours
        )
        self._csrf_client = str(uuid.uuid4())
        self._csrf: str | None = None
        self.where = where

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def is_healthy(self) -> bool:
        """Whether the server answers and lets us in."""
        try:
            return self._send("GET", "admin/version").status_code == 200
        except Unavailable:
            return False

    def get(self, path: str) -> Any:
        """Read something; raises NotFound."""
        return self._json(self._send("GET", path))

    def post(self, path: str, body: object) -> Any:
        """Send something; raises Refused with the server's reason."""
        return self._json(self._send("POST", path, body))

    def put(self, path: str, body: object) -> Any:
        """Replace something; raises Refused with the server's reason."""
        return self._json(self._send("PUT", path, body))

    def patch(self, path: str, body: object) -> Any:
        """Change something; raises Refused with the server's reason."""
        return self._json(self._send("PATCH", path, body))

    def start(self, deployment: str, parameters: Json, *, idempotency_key: str, name: str) -> str:
        """Create a flow run of a deployment (`FLOW/PROJECT`) and give its id; the same key never makes a second one."""
        found = self.get(f"deployments/name/{deployment}")
        made = self.post(
            f"deployments/{found['id']}/create_flow_run",
            {
                "parameters": parameters,
                "idempotency_key": idempotency_key,
                "name": name,
                "state": {"type": "SCHEDULED", "state_details": {}},
            },
        )
        return str(made["id"])

    def state_of(self, flow_run: str) -> tuple[str, str]:
        """Type (`RUNNING`) and name of the state of a flow run; raises NotFound."""
        found = self.get(f"flow_runs/{flow_run}")
        return str(found["state_type"]), str(found["state_name"])

    def end(self, flow_run: str, kind: str, message: str) -> None:
        """Force a flow run into an end state (`CRASHED`, `CANCELLED`, `COMPLETED`) unless it ended already."""
        try:
            if self.state_of(flow_run)[0] in ENDED:
                return
            body = {"type": kind, "name": kind.capitalize(), "message": message}
            self.post(f"flow_runs/{flow_run}/set_state", {"state": body, "force": True})
        except NotFound:
            return

    def _send(self, method: str, path: str, body: object = None) -> "httpx.Response":
        import httpx

        try:
            response = self._http.request(method, path, json=body, headers=self._csrf_headers(method))
            for pause_s in BUSY_PAUSES_S:
                if response.status_code == 403 and "CSRF" in response.text:
                    self._csrf = None
                elif response.status_code in (429, 503):
                    time.sleep(pause_s)  # its SQLite was busy; Prefect's own client tries again as well
                else:
                    break
                response = self._http.request(method, path, json=body, headers=self._csrf_headers(method))
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the orchestrator at {self.where.url} does not answer ({type(error).__name__})",
                next_step="trainmaster up",
            ) from error
        if response.status_code >= 500 or response.status_code == 429:
            raise Unavailable(
                f"the orchestrator at {self.where.url} answers {response.status_code}", next_step="trainmaster status"
            )
        return response

    def _csrf_headers(self, method: str) -> dict[str, str]:
        if method == "GET":
            return {}
        if self._csrf is None:
            answer = self._http.get("csrf-token", params={"client": self._csrf_client})
            self._csrf = str(answer.json()["token"]) if answer.status_code == 200 else ""
        return {"Prefect-Csrf-Token": self._csrf, "Prefect-Csrf-Client": self._csrf_client} if self._csrf else {}

    def _json(self, response: "httpx.Response") -> Any:
        match response.status_code:
            case 404:
                raise NotFound(f"the orchestrator knows no {response.url.path}", next_step="trainmaster up")
            case 401:
                raise Refused("the orchestrator does not accept our token", next_step="trainmaster up")
            case status if status >= 400:
                raise Refused(
                    f"the orchestrator answers {status}: {response.text[:500]}", next_step="trainmaster status"
                )
        return response.json() if response.content else None


__all__ = ["ENDED", "Json", "Orchestrator"]
