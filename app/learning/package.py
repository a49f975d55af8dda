"""A model package: manifest, model text and canary; digests say whether they belong together. No pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from app.domain.errors import Damaged
from app.domain.project import canonical_json

FORMAT = "trainmaster.lightgbm.text.v1"
MAGIC = b"tree\n"
PARAMETERS = b"\nparameters:"
REQUIRED = (
    "format", "digest", "bytes_sha256", "canary_sha256", "signature", "features", "configuration", "environment",
    "commit", "windows", "metrics", "slices", "rows", "seed",
)  # fmt: skip


def model_digest(text: bytes) -> str:
    """SHA-256 of the trees: the model text before its `parameters:` section, which holds the number of threads.

    >>> model_digest(b"tree\\nx\\nparameters:\\n1") == model_digest(b"tree\\nx\\nparameters:\\n2")
    True
    """
    return hashlib.sha256(text.partition(PARAMETERS)[0]).hexdigest()


@dataclass(frozen=True)
class Package:
    """Everything that is needed to load a model elsewhere and to prove that it is the same."""

    manifest: Mapping[str, Any]
    model: bytes = field(repr=False)
    canary: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of_bytes(cls, manifest: bytes, model: bytes, canary: bytes) -> Self:
        """Read the parts as they are stored; raises Damaged. The model itself is not parsed."""
        return cls(_document(manifest, "manifest"), model, _document(canary, "canary"))

    @property
    def manifest_bytes(self) -> bytes:
        """The manifest as it is stored."""
        return canonical_json(dict(self.manifest)).encode()

    @property
    def canary_bytes(self) -> bytes:
        """The canary as it is stored."""
        return canonical_json(dict(self.canary)).encode()

    def verify(self) -> None:
        """Check format, magic bytes and digests; raises Damaged. It must be called before any parser sees the bytes."""
        missing = self.missing()
        if missing:
            raise _damaged(f"the manifest has no {', '.join(missing)}")
        if self.manifest["format"] != FORMAT:
            raise _damaged(f"the manifest's format is {str(self.manifest['format'])[:80]!r}, not {FORMAT}")
        if not self.model.startswith(MAGIC):
            raise _damaged("the bytes are not a LightGBM text model")
        if hashlib.sha256(self.model).hexdigest() != self.manifest["bytes_sha256"]:
            raise _damaged("the model's bytes do not have the digest of the manifest")
        if model_digest(self.model) != self.manifest["digest"]:
            raise _damaged("the trees do not have the digest of the manifest")
        if hashlib.sha256(self.canary_bytes).hexdigest() != self.manifest["canary_sha256"]:
            raise _damaged("the canary does not have the digest of the manifest")

    def missing(self) -> tuple[str, ...]:
        """The parts of the manifest that are absent or empty."""
        absent = [key for key in REQUIRED if key not in self.manifest]
        return (*absent, *(() if self.canary.get("inputs") and self.canary.get("predictions") else ("canary",)))


def _damaged(says: str) -> Damaged:
    return Damaged(f"model package refused: {says}", next_step="trainmaster store fsck")


def _document(content: bytes, what: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(f"the {what} is not JSON") from None
    if not isinstance(document, dict):
        raise _damaged(f"the {what} is not a JSON object")
    return document


def make_package(
    *, model: bytes, inputs: list[dict[str, object]], predictions: list[object], facts: Mapping[str, Any]
) -> Package:
    """Put a package together; `facts` are the parts of the manifest besides format and digests."""
    canary = {"inputs": inputs, "predictions": predictions}
    manifest = {
        "format": FORMAT,
        "digest": model_digest(model),
        "bytes_sha256": hashlib.sha256(model).hexdigest(),
        "canary_sha256": hashlib.sha256(canonical_json(canary).encode()).hexdigest(),
        **facts,
    }
    return Package(manifest, model, canary)
