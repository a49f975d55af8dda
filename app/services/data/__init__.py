"""Data: sources become immutable snapshots; rows that break the contract go to quarantine."""

from app.services.data.agreeing import Agreed, agree, agreement_of, require_agreement
from app.services.data.comparing import SnapshotsCompared, compare_snapshots
from app.services.data.freshness import source_ages
from app.services.data.importing import Imported, import_file
from app.services.data.ingesting import ingest, plan_ingest
from app.services.data.profiles import Profiled, profile_of
from app.services.data.quarantine import (
    RowRepaired,
    RowsRejected,
    RowsReleased,
    open_rows_of_rule,
    reject,
    release,
    repair,
    reveal,
)
from app.services.data.reading import (
    declared_source,
    newest_snapshots,
    quarantined_count,
    snapshot_bytes,
)
from app.services.data.receiving import receive
from app.services.data.results import Ingested, SnapshotInfo
from app.services.data.secrets import SecretSet, set_secret
from app.services.data.sources import SourceState, source_states
from app.services.data.testing import Tested, try_source
from app.services.data.tickets import TicketMoved, open_ticket, resolve_ticket, take_ticket

__all__ = [
    "Agreed",
    "Imported",
    "Ingested",
    "Profiled",
    "RowRepaired",
    "RowsRejected",
    "RowsReleased",
    "SecretSet",
    "SnapshotInfo",
    "SnapshotsCompared",
    "SourceState",
    "Tested",
    "TicketMoved",
    "agree",
    "agreement_of",
    "compare_snapshots",
    "declared_source",
    "import_file",
    "ingest",
    "newest_snapshots",
    "open_rows_of_rule",
    "open_ticket",
    "plan_ingest",
    "profile_of",
    "quarantined_count",
    "receive",
    "reject",
    "release",
    "repair",
    "require_agreement",
    "resolve_ticket",
    "reveal",
    "set_secret",
    "snapshot_bytes",
    "source_ages",
    "source_states",
    "take_ticket",
    "try_source",
]
