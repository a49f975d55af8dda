"""The formats that a model may be stored in: how the bytes begin, what their digest covers, never pickle."""

import hashlib
import io
import json
import zipfile
import zlib
from enum import StrEnum

from app.domain.errors import Damaged

PARAMETERS = b"\nparameters:"
SCHEMA = "schema.json"
MOST_MEMBERS = 100_000
LARGEST_BYTES = 2 << 30


class Format(StrEnum):
    """How a model's bytes are to be read; the value stands in the manifest."""

    LIGHTGBM_TEXT = "trainmaster.lightgbm.text.v1"
    SKOPS = "trainmaster.skops.v1"

    @property
    def magic(self) -> bytes:
        """How the bytes begin."""
        return b"tree\n" if self is Format.LIGHTGBM_TEXT else b"PK\x03\x04"

    @property
    def says(self) -> str:
        """The format in words."""
        return "a LightGBM text model" if self is Format.LIGHTGBM_TEXT else "a skops archive"

    @property
    def file_name(self) -> str:
        """How an exported file of this format is called."""
        return "model.txt" if self is Format.LIGHTGBM_TEXT else "model.skops"

    @property
    def media_type(self) -> str:
        """The media type of the stored bytes."""
        return "text/plain" if self is Format.LIGHTGBM_TEXT else "application/zip"


SHORT_NAMES = {"lightgbm-text": Format.LIGHTGBM_TEXT, "skops": Format.SKOPS}
"""What learners call the formats that they give."""


def format_of(name: str) -> Format:
    """A format by the name that a learner or a manifest gives it; raises Damaged for any other.

    >>> format_of("skops") is format_of("trainmaster.skops.v1")
    True
    """
    if name in SHORT_NAMES:
        return SHORT_NAMES[name]
    try:
        return Format(name)
    except ValueError:
        raise Damaged(
            f"model package refused: its format is {name[:80]!r}, not one of {', '.join(Format)}",
            next_step="trainmaster store fsck",
        ) from None


def model_digest(content: bytes, form: Format = Format.LIGHTGBM_TEXT) -> str:
    """SHA-256 of what a model is: trees without the number of threads, the members of an archive however compressed.

    LightGBM's text is covered up to its `parameters:` section. Raises Damaged for an archive that cannot be read.

    >>> model_digest(b"tree\\nx\\nparameters:\\n1") == model_digest(b"tree\\nx\\nparameters:\\n2")
    True
    """
    if form is Format.LIGHTGBM_TEXT:
        return hashlib.sha256(content.partition(PARAMETERS)[0]).hexdigest()
    members = members_of(content)
    lines = [f"{name} {hashlib.sha256(members[name]).hexdigest()}\n" for name in sorted(members)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def members_of(content: bytes) -> dict[str, bytes]:
    """The members of an archive; raises Damaged for other bytes and for one that would unpack to over 2 GiB."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if len(archive.infolist()) > MOST_MEMBERS or sum(i.file_size for i in archive.infolist()) > LARGEST_BYTES:
                raise ValueError("it is too large")
            return {name: archive.read(name) for name in archive.namelist()}
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise Damaged(
            f"model package refused: it is no skops archive ({error})", next_step="trainmaster store fsck"
        ) from None


def canonical_skops(content: bytes) -> bytes:
    """A skops archive with the same meaning for the same estimator: no memory addresses, no dates, one order.

    skops names arrays after the address of the object; here they are numbered in the order of the schema. Raises
    Damaged for anything that is no such archive.
    """
    members = members_of(content)
    try:
        schema = json.loads(members.pop(SCHEMA))
    except (ValueError, KeyError, RecursionError) as error:
        raise Damaged(f"not a skops archive: {error}", next_step="trainmaster train run") from None
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def walk(node: object) -> object:
        if isinstance(node, dict):
            walked: dict[str, object] = {}
            for key, value in node.items():
                if key == "__id__" and isinstance(value, int):
                    walked[key] = numbers.setdefault(value, len(numbers))
                elif key == "file" and isinstance(value, str) and value in members:
                    walked[key] = files.setdefault(value, f"{len(files)}.{value.rpartition('.')[2]}")
                else:
                    walked[key] = walk(value)
            return walked
        return [walk(item) for item in node] if isinstance(node, list) else node

    text = json.dumps(walk(schema), separators=(",", ":")).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in [(SCHEMA, text), *sorted((files[name], members[name]) for name in files)]:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, compresslevel=1)
    return out.getvalue()


__all__ = ["Format", "canonical_skops", "format_of", "model_digest"]
