"""Connectors: one small interface over files, databases, objects and streams; each gives pieces that lie on disk."""

from app.data.connectors.extract import Connector, Past, Piece, extracted
from app.data.connectors.place import SourcePlace
from app.data.connectors.spool import Spool, opened_spool
from app.domain.project.connections import SourceKind


def connector(place: SourcePlace) -> Connector:
    """The connector of a source, by its kind; nothing is opened yet."""
    match place.source.kind:
        case SourceKind.FILES:
            from app.data.connectors.files import Files

            return Files(place)
        case SourceKind.SQL:
            from app.data.connectors.sql import Sql

            return Sql(place)
        case SourceKind.OBJECTS:
            from app.data.connectors.objects import Objects

            return Objects(place)
        case SourceKind.STREAM:
            from app.data.connectors.stream import stream

            return stream(place)


__all__ = ["Connector", "Past", "Piece", "SourcePlace", "Spool", "connector", "extracted", "opened_spool"]
