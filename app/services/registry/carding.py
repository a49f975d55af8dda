"""The model card of a registered version."""

import json

from app.domain.errors import Damaged
from app.learning.card import Card, card_of
from app.store.queries import registry
from app.store.queries.content import content_of
from app.store.reader import Reader


def manifest_of(reader: Reader, digest: str) -> dict[str, object]:
    """A stored manifest; raises Damaged when it is none."""
    try:
        document = json.loads(content_of(reader, digest))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise Damaged("the manifest is not a JSON object", next_step="trainmaster store fsck")
    return document


def card_of_version(reader: Reader, model: str, version: int) -> Card:
    """The card of a version, with its stage and gates; raises NotFound or Damaged."""
    row = registry.version_of(reader, model, version)
    gates = [
        f"{gate.gate}: {'passes' if gate.passed else 'FAILS'} ({gate.says})"
        for gate in registry.gates_of(reader, row.id)
    ]
    manifest = manifest_of(reader, row.manifest)
    return card_of(manifest, version=row.version, stage=row.stage, made_at=row.created_at, gates=gates)


__all__ = ["card_of_version", "manifest_of"]
