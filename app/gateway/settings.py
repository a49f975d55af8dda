"""`[gateway]` of trainmaster.toml: how many processes answer, to whom, and how much they take on."""

import tomllib
from typing import Annotated

from pydantic import Field, ValidationError

from app.domain.errors import BadInput
from app.domain.project.section import Section
from app.domain.text import visible
from app.domain.workspace import MARKER, Workspace

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
Words = Annotated[tuple[str, ...], Field(strict=False)]


class Settings(Section):
    """The gateway's settings; without any it is one process on loopback.

    `hosts` and `origins` are the names and web pages beside loopback that may ask. `in_flight` requests are answered at
    once in each process, and `connections` kept open; what is beyond gets 503 with Retry-After. A request must arrive
    within `request_s` seconds. The log keeps `log_days` days, and at most `log_megabytes`.
    """

    workers: int = Field(default=1, ge=1, le=64)
    host: str = "127.0.0.1"
    hosts: Words = ()
    origins: Words = ()
    connections: int = Field(default=512, ge=1, le=100_000)
    in_flight: int = Field(default=64, ge=1, le=10_000)
    body_bytes: int = Field(default=1_000_000, ge=1_000, le=100_000_000)
    request_s: float = Field(default=10.0, gt=0, le=600)
    idle_s: float = Field(default=60.0, gt=0)
    log_days: float | None = Field(default=90.0, gt=0)
    log_megabytes: float | None = Field(default=10_000.0, gt=0)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can ask.

        >>> Settings().is_loopback, Settings(host="0.0.0.0").is_loopback
        (True, False)
        """
        return self.host in ("127.0.0.1", "::1", "localhost")

    @property
    def names(self) -> tuple[str, ...]:
        """What a Host header may say, without a port."""
        return (*LOOPBACK, *self.hosts)


def settings_of(workspace: Workspace) -> Settings:
    """The settings of a workspace; raises BadInput naming the key."""
    text = workspace.marker.read_text(encoding="utf-8") if workspace.marker.is_file() else ""
    try:
        return Settings.model_validate(tomllib.loads(text).get("gateway", {}) if "gateway" in text else {})
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"not valid TOML: {error}", where=MARKER, next_step=f"correct {MARKER}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(["gateway", *map(str, first["loc"])])
        raise BadInput(f"{visible(key)}: {first['msg']}", where=MARKER, next_step=f"correct {MARKER}") from None


__all__ = ["LOOPBACK", "Settings", "settings_of"]
