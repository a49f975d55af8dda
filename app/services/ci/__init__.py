"""CI: a commit is checked stage by stage, and what passes is delivered as a bundle that automated runs execute."""

from app.services.ci.bundles import delivered_bundle, open_delivered
from app.services.ci.delivering import deliver
from app.services.ci.hooks import install_hook
from app.services.ci.hosted import write_hosted
from app.services.ci.sources import Commit, commit_of, files_of
from app.services.ci.verdicts import judging

__all__ = [
    "Commit",
    "commit_of",
    "deliver",
    "delivered_bundle",
    "files_of",
    "install_hook",
    "judging",
    "open_delivered",
    "write_hosted",
]
