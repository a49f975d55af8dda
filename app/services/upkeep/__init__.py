"""Keeping the store sound: check it, back it up, put a backup back, heal what died."""

from app.services.upkeep.checking import Problem, Report, fsck
from app.services.upkeep.collecting import Plan, Thing, collect, plan
from app.services.upkeep.copies import Backup, Restored, backup, next_backup, restore
from app.services.upkeep.exporting import Export, export
from app.services.upkeep.healing import Healed, heal

__all__ = [
    "Backup",
    "Export",
    "Healed",
    "Plan",
    "Problem",
    "Report",
    "Restored",
    "Thing",
    "backup",
    "collect",
    "export",
    "fsck",
    "heal",
    "next_backup",
    "plan",
    "restore",
]
