"""A model package: manifest, model bytes and canary; digests say whether they belong together. No pickle."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from app.domain.errors import Damaged
from app.domain.project import canonical_json
from app.learning.calibration import Calibration
from app.learning.formats import Format, format_of, model_digest

REQUIRED = (
    "format", "digest", "bytes_sha256", "canary_sha256", "signature", "features", "configuration", "environment",
    "commit", "windows", "metrics", "slices", "rows", "seed",
)  # fmt: skip
"""What a package needs to be loaded."""
COMPLETE = (*REQUIRED, "evaluation", "card")
"""What a package needs to be promoted."""


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

    @property
    def format(self) -> Format:
        """How the model's bytes are to be read; raises Damaged."""
        return format_of(str(self.manifest.get("format", "")))

    @property
    def calibration(self) -> Calibration | None:
        """What the model's scores go through, or None; raises Damaged."""
        document = self.manifest.get("calibration")
        return None if document is None else Calibration.of_json(document)

    def verify(self) -> None:
        """Check format, magic bytes and digests; raises Damaged. It must be called before any parser sees the bytes."""
        missing = self.missing(REQUIRED)
        if missing:
            raise _damaged(f"the manifest has no {', '.join(missing)}")
        form = self.format
        if not self.model.startswith(form.magic):
            raise _damaged(f"the bytes are not {form.says}")
        if hashlib.sha256(self.model).hexdigest() != self.manifest["bytes_sha256"]:
            raise _damaged("the model's bytes do not have the digest of the manifest")
        if package_digest(self.model, form, self.calibration) != self.manifest["digest"]:
            raise _damaged("the model does not have the digest of the manifest")
        if hashlib.sha256(self.canary_bytes).hexdigest() != self.manifest["canary_sha256"]:
            raise _damaged("the canary does not have the digest of the manifest")

    def missing(self, parts: Sequence[str] = COMPLETE) -> tuple[str, ...]:
        """The parts of the manifest that are absent."""
        absent = [key for key in parts if key not in self.manifest]
        return (*absent, *(() if self.canary.get("inputs") and self.canary.get("predictions") else ("canary",)))


def package_digest(model: bytes, form: Format, calibration: Calibration | None) -> str:
    """The digest of a model with its calibration; without one it is that of the model alone."""
    digest = model_digest(model, form)
    if calibration is None:
        return digest
    return hashlib.sha256(f"{digest} {canonical_json(calibration.as_json())}".encode()).hexdigest()


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
    *,
    model: bytes,
    inputs: list[dict[str, object]],
    predictions: list[object],
    facts: Mapping[str, Any],
    form: Format = Format.LIGHTGBM_TEXT,
    calibration: Calibration | None = None,
) -> Package:
    """Put a package together; `facts` are the parts of the manifest besides format, calibration and digests."""
    canary = {"inputs": inputs, "predictions": predictions}
    manifest = {
        "format": str(form),
        "digest": package_digest(model, form, calibration),
        "bytes_sha256": hashlib.sha256(model).hexdigest(),
        "canary_sha256": hashlib.sha256(canonical_json(canary).encode()).hexdigest(),
        "calibration": None if calibration is None else calibration.as_json(),
        **facts,
    }
    return Package(manifest, model, canary)


__all__ = ["COMPLETE", "REQUIRED", "Package", "make_package", "model_digest", "package_digest"]
