"""Step 8: where a source's raw rows come from, and how it is reached; part of `[sources.NAME]`."""

import re
from enum import StrEnum
from typing import Literal, Self
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from app.domain.project.section import Column, Section, Text
from app.domain.secrets import PLACEHOLDER

SECRET_WORDS = re.compile(
    r"password|passwd|pwd|secret|token|api_?key|access_?key|account_?key|signature|credential|authorization|cookie",
    re.I,
)
STREAMS = ("tail:", "tcp://", "unix:", "stdin:")


class SourceKind(StrEnum):
    """What a source is read from."""

    FILES = "files"
    SQL = "sql"
    OBJECTS = "objects"
    STREAM = "stream"


class Connection(Section):
    """Where rows come from: one of `path`, `url` and `stream`.

    `path` is a file, folder or glob in the project's folder; `url` with `query` a database (with `watermark`, a column
    that only grows, each extract takes the rows after the last, and those of the last value that came late); `url`
    alone an object, also with a glob (http, https, s3, gs, abfs, file); `stream` JSON lines of tail:FILE,
    tcp://HOST:PORT, unix:FILE or stdin:.

    A secret is written as ${NAME} in `url`, `stream` and `options`: it comes from the environment, or from
    `.trainmaster/secrets` (mode 0600, NAME=value lines). `every_minutes` is how often the watcher asks a source that is
    no folder; `timezone` is that of times without one.

    >>> Connection(url="postgresql+psycopg://reader:${PGPASSWORD}@db/shop", query="SELECT * FROM orders").kind
    <SourceKind.SQL: 'sql'>
    """

    path: Text | None = None
    url: Text | None = None
    query: Text | None = None
    watermark: Column | None = None
    stream: Text | None = None
    format: Literal["csv", "tsv", "parquet", "jsonl"] | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    timezone: str = "UTC"
    watch: bool = True
    every_minutes: float = Field(default=15.0, gt=0, le=100_000)
    retries: int = Field(default=3, ge=0, le=20)
    timeout_s: float = Field(default=30.0, gt=0, le=3600)
    batch_rows: int = Field(default=1_000_000, ge=1, le=10_000_000)

    @property
    def kind(self) -> SourceKind:
        """Which connector reads it."""
        if self.stream is not None:
            return SourceKind.STREAM
        if self.path is not None:
            return SourceKind.FILES
        return SourceKind.SQL if self.query is not None else SourceKind.OBJECTS

    @property
    def place(self) -> str:
        """Where it is, as project.toml says it: secrets stay ${NAME}."""
        return self.path or self.stream or self.url or ""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if sum(one is not None for one in (self.path, self.url, self.stream)) != 1:
            raise ValueError("name one of path, url and stream")
        if self.query is not None and self.url is None:
            raise ValueError("a query needs the url of its database")
        if self.watermark is not None and self.query is None:
            raise ValueError("a watermark needs a query")
        if self.stream is not None and not self.stream.startswith(STREAMS):
            raise ValueError(f"stream begins with one of {', '.join(STREAMS)}")
        try:
            ZoneInfo(self.timezone)
        except (OSError, ValueError):
            raise ValueError(f"timezone {self.timezone!r} is not known: write one like Europe/Berlin") from None
        self._require_no_secret()
        return self

    def _require_no_secret(self) -> None:
        """project.toml is committed and kept in the store: it names secrets, it holds none."""
        text = self.url or self.stream or ""
        parts = urlsplit(PLACEHOLDER.sub("", text))
        held = [name for name, value in parse_qsl(parts.query) if value and SECRET_WORDS.search(name)]
        held += [name for name, value in self.options.items() if SECRET_WORDS.search(name) and _is_literal(value)]
        if parts.password or held:
            what = f"{held[0]!r}" if held else "the password of the url"
            raise ValueError(f"{what} stands here in clear: write ${{NAME}}, and the value into .trainmaster/secrets")


def _is_literal(value: str | float) -> bool:
    return bool(value) and PLACEHOLDER.search(str(value)) is None
