"""What is different between two versions: numbers, inputs, settings, data, code, environment; from their manifests."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.services.registry.carding import manifest_of
from app.store.queries.registry import VersionRow, version_of
from app.store.reader import Reader


@dataclass(frozen=True)
class Change:
    """One thing that is not the same; None where a side has none."""

    part: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Difference:
    """All that changed from one version to another; `gains` are on the same rows where the newer met the older."""

    model: str
    before: int
    after: int
    changes: tuple[Change, ...]
    gains: Mapping[str, float]
    """Metric -> the newer minus production, both on the newer one's test rows; empty when they did not meet."""

    @property
    def says(self) -> str:
        """One line for a person."""
        parts = ", ".join(dict.fromkeys(change.part for change in self.changes)) or "nothing"
        return f"{self.model} v{self.before} → v{self.after}: {len(self.changes)} differences ({parts})"


def difference(reader: Reader, model: str, before: int, after: int) -> Difference:
    """What changed from `before` to `after`; raises NotFound, or Damaged for a manifest that cannot be read."""
    old, new = (version_of(reader, model, number) for number in (before, after))
    ours, theirs = (_facts(row, manifest_of(reader, row.manifest)) for row in (new, old))
    changes = [
        Change(part, name, theirs.get((part, name)), ours.get((part, name)))
        for part, name in sorted({*ours, *theirs}, key=lambda key: (PARTS.index(key[0]), key[1]))
        if theirs.get((part, name)) != ours.get((part, name))
    ]
    rival = {key.removeprefix("production."): value for key, value in new.metrics.items() if "production." in key}
    gains = {
        name: new.metrics[name] - value for name, value in rival.items() if name in new.metrics and math.isfinite(value)
    }
    return Difference(model, before, after, tuple(changes), gains)


PARTS = ("metrics", "inputs", "parameters", "data", "code", "environment", "package")


def _facts(row: VersionRow, manifest: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    facts: dict[tuple[str, str], str] = {}
    facts |= {("metrics", name): f"{value:.6g}" for name, value in row.metrics.items() if "." not in name}
    signature = manifest.get("signature") or {}
    facts |= {("inputs", one["name"]): one["kind"] for one in signature.get("features") or ()}
    configuration = manifest.get("configuration") or {}
    settings = {**(configuration.get("parameters") or {}), "rounds": configuration.get("rounds")}
    settings["charter"] = str(configuration.get("charter") or "")[:12]
    facts |= {("parameters", name): str(value) for name, value in settings.items()}
    windows = manifest.get("windows") or {}
    facts |= {("data", f"{side} window"): " to ".join(map(str, span)) for side, span in windows.items()}
    facts |= {("data", f"{side} rows"): str(count) for side, count in (manifest.get("rows") or {}).items()}
    facts[("data", "features")] = f"v{row.features_version}"
    facts[("code", "commit")] = (row.commit or "none") + (" and changes" if row.dirty else "")
    environment = manifest.get("environment") or {}
    facts |= {("environment", name): str(value) for name, value in environment.items() if isinstance(value, str)}
    facts[("package", "format")] = str(manifest.get("format"))
    facts[("package", "size")] = f"{row.size_bytes:,} bytes"
    return facts


__all__ = ["Change", "Difference", "difference"]
