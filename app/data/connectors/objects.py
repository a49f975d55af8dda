"""Objects behind a URL: http, https, s3, gs, abfs, file and whatever else fsspec knows."""

import posixpath
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from app.data import readers
from app.data.connectors.extract import Past, Piece
from app.data.connectors.files import SAMPLE_BYTES
from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool
from app.data.survey import MAX_BYTES, packed_digest
from app.domain.errors import BadInput, NotFound, Refused, TrainmasterError, Unavailable
from app.domain.text import visible

HTTP = ("http", "https")
EXTRAS = {"s3": "s3", "s3a": "s3"}
VERSIONS = ("ETag", "etag", "md5Hash", "content_settings", "Last-Modified", "LastModified", "last_modified", "mtime")
REFUSING = ("AccessDenied", "Forbidden", "NoCredentials", "InvalidAccessKey", "SignatureDoesNotMatch", "Unauthorized")
CALM_STATUS = (429, 408)


class Objects:
    """One object, or all that match; each is copied to the spool whole before anything reads it."""

    is_incremental = False

    def __init__(self, place: SourcePlace) -> None:
        self.place = place

    def pieces(self, past: Past, spool: Spool) -> Iterator[Piece]:
        """Every object whose version is not the one that was taken; without a version its bytes decide."""
        system, listed = self._listed()
        for path, info in listed.items():
            version = version_of(info)
            name = self._name(path)
            if version is not None and past.versions.get(name) == version:
                continue
            file = spool.file(self._suffix(path))
            self._copy(system, path, file, info.get("size"))
            yield Piece(name, visible(name, longest=200), file, packed_digest(file), file.stat().st_size, version)
            file.unlink(missing_ok=True)

    def sample(self, spool: Spool, rows: int) -> Piece | None:
        """The last object by name: its first megabyte when it is text."""
        system, listed = self._listed()
        path, info = list(listed.items())[-1]
        name, file = self._name(path), spool.file(self._suffix(path))
        shown = visible(name, longest=200)
        text = readers.text_file(file, shown)
        if text is None or text.codec or (info.get("size") or 0) <= SAMPLE_BYTES:
            self._copy(system, path, file, info.get("size"))
        else:
            with self._told():
                head = system.cat_file(path, start=0, end=SAMPLE_BYTES)[:SAMPLE_BYTES]
            file.write_bytes(head[: head.rfind(b"\n") + 1] or head)
        return Piece(name, shown, file, "", file.stat().st_size, version_of(info))

    def taken(self, piece: Piece) -> None:
        """The object stays where it is."""

    def _listed(self) -> tuple[Any, Mapping[str, Mapping[str, Any]]]:
        with self._told():
            system, path = self._opened()
            if any(mark in path for mark in "*[") and "?" not in path:
                found = dict(sorted(system.glob(path, detail=True).items()))
            elif self._scheme() not in HTTP and system.isdir(path):
                found = dict(sorted(system.find(path, detail=True).items()))
                found = {name: info for name, info in found.items() if readers.is_known(Path(name))}
            else:
                return system, {path: system.info(path)}
            found = {name: info for name, info in found.items() if info.get("type") == "file"}
            if self._scheme() in HTTP:
                found = {name: system.info(name) for name in found}
        if not found:
            raise self.place.error(NotFound, f"no object matches {self.place.source.url}")
        return system, found

    def _opened(self) -> tuple[Any, str]:
        import fsspec

        source, secrets = self.place.source, self.place.secrets
        url = secrets.filled_url(source.url or "")
        options: dict[str, Any] = {
            name: secrets.filled(value) if isinstance(value, str) else value for name, value in source.options.items()
        }
        scheme = self._scheme()
        if scheme in HTTP:
            import aiohttp

            # the time between two bytes is limited, not that of the whole object
            limit = aiohttp.ClientTimeout(total=None, sock_connect=source.timeout_s, sock_read=source.timeout_s)
            options = {"headers": options, "client_kwargs": {"timeout": limit}}
        elif scheme in EXTRAS:
            options["config_kwargs"] = {
                "connect_timeout": source.timeout_s,
                "read_timeout": source.timeout_s,
                "retries": {"max_attempts": 1},
            }
        system, path = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True, **options)
        if hasattr(system, "retries"):
            system.retries = 1  # our own tries stand in the run's log
        return system, path

    def _copy(self, system: Any, path: str, file: Path, size: int | None) -> None:
        from fsspec.callbacks import Callback

        class Limit(Callback):  # type: ignore[misc]
            """Ends a copy that grows too large."""

            def relative_update(self, inc: int = 1) -> None:
                super().relative_update(inc)
                if self.value > MAX_BYTES:
                    raise BadInput(f"it has more than {MAX_BYTES >> 30} GiB", next_step="split it into several objects")

        with self._told():
            system.get_file(path, str(file), callback=Limit())
            got = file.stat().st_size
            if size is not None and got != size:
                raise ConnectionError(f"{got:,} of {size:,} bytes came: the transfer was cut off")

    def _scheme(self) -> str:
        url = self.place.secrets.filled_url(self.place.source.url or "")
        return urlsplit(url).scheme.split("::")[0].lower()

    def _name(self, path: str) -> str:
        """The object's name in the store: without a host's secrets and without a query."""
        if not any(mark in path for mark in "*[") and self._scheme() in HTTP:
            parts = urlsplit(path)
            host = parts.netloc.rpartition("@")[2]
            path = f"{parts.scheme}://{host}{parts.path}"
        elif "://" not in path:
            path = f"{self._scheme()}://{path}"
        return self.place.secrets.masked(path)

    def _suffix(self, path: str) -> str:
        if self.place.source.format is not None:
            codec = [end for end in PurePosixPath(path).suffixes if end.lower() in readers.COMPRESSED]
            return f".{self.place.source.format}{codec[-1] if codec else ''}"
        name = posixpath.basename(urlsplit(path).path if self._scheme() in HTTP else path)
        suffix = "".join(PurePosixPath(name).suffixes[-2:])
        if not readers.is_known(Path(name)):
            raise self.place.error(
                BadInput,
                f"the format of {name!r} is not known",
                next_step=f"[sources.{self.place.name}] format = 'csv', 'tsv', 'parquet' or 'jsonl'",
            )
        return suffix

    def _told(self) -> "_Told":
        return _Told(self.place)


class _Told:
    """Turns what fsspec and its clients raise into our errors, without secrets."""

    def __init__(self, place: SourcePlace) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TrainmasterError) and error.where is None:
            raise self._place.error(type(error), error.message, next_step=error.next_step) from None
        if error is None or isinstance(error, TrainmasterError) or not isinstance(error, Exception):
            return
        raise told(self._place, error) from None


def told(place: SourcePlace, error: Exception) -> TrainmasterError:
    """Our error for one of fsspec's or a cloud client's."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # HTTP: every failure of HEAD and GET arrives as "not found"
    status = getattr(error, "status", None)
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        extra = EXTRAS.get(urlsplit(place.source.url or "").scheme, "cloud")
        return place.error(
            Refused, f"its library is missing ({error})", next_step=f"pip install 'trainmaster[{extra}]'"
        )
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return place.error(NotFound, f"there is nothing at {place.source.url}")
    if isinstance(error, PermissionError) or status in (401, 403) or any(word in said for word in REFUSING):
        return place.error(Refused, f"access was refused: {said}")
    if isinstance(error, ValueError) and status is None and not isinstance(error, ConnectionError):
        return place.error(BadInput, f"the url or its options cannot be used: {said}")
    if isinstance(status, int) and 400 <= status < 500 and status not in CALM_STATUS:
        return place.error(Refused, f"the server answered {said}")
    return place.error(Unavailable, f"it does not answer: {said}")


def version_of(info: Mapping[str, Any]) -> str | None:
    """What an object's listing says of its state; None when it says nothing.

    >>> version_of({"size": 3, "ETag": '"5eb6"'}), version_of({"size": 3})
    ('"5eb6" 3', None)
    """
    for name in VERSIONS:
        if info.get(name):
            return f"{info[name]} {info.get('size')}"[:500]
    return None
