"""The last stage of CI: the commit's files become a bundle in the artifact store, and the verdict is green."""

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col

from app.domain.ids import Ref
from app.domain.states import Verdict
from app.machine.environment import this_environment
from app.services.ci.bundles import manifest_of
from app.services.ci.checkout import Checkout
from app.services.ci.verdicts import verdict_row
from app.services.running import TaskContext
from app.services.workspaces import now
from app.store import artifacts, audit, lineage
from app.store.tables import Bundle


@dataclass(frozen=True)
class DeliveredBundle:
    """What CI delivered."""

    digest: str
    files: int
    size_bytes: int
    says: str


def deliver(task: TaskContext, checkout: Checkout) -> DeliveredBundle:
    """Put every file and the manifest into the artifact store, beside the green verdict: all of it or nothing."""
    run, commit, moment = task.run, checkout.commit, now()
    lock = this_environment().lock_digest
    manifest = manifest_of(checkout.files, commit.sha, lock)
    digest = hashlib.sha256(manifest).hexdigest()
    size_bytes = sum(len(file.content) for file in checkout.files.values())
    says = f"bundle {digest[:12]}: {len(checkout.files)} files, {size_bytes / 1024:,.0f} KiB"
    with run.store.write(durable=True) as session:
        bundle = session.execute(select(Bundle).where(col(Bundle.digest) == digest)).scalars().first()
        for file in checkout.files.values():  # put again when the bundle is known: what was lost comes back
            artifacts.put(session, file.content, kind="source", media_type="text/plain", now=moment)
        stored = artifacts.put(session, manifest, kind="bundle", media_type="application/json", now=moment)
        if bundle is None:
            bundle = Bundle(
                digest=digest,
                manifest=stored,
                commit=commit.sha,
                lock_digest=lock,
                files=len(checkout.files),
                size_bytes=size_bytes,
                created_at=moment,
            )
            session.add(bundle)
            session.flush()
        session.add(verdict_row(run, commit, Verdict.GREEN, time.monotonic() - checkout.begun, bundle_id=bundle.id))
        output = Ref("bundle", digest)
        lineage.link(
            session, [(Ref("commit", commit.sha), run.ref, "checked"), (run.ref, output, "delivered")], now=moment
        )
        audit.record(
            session,
            actor=run.actor,
            action="ci.passed",
            subject=f"project:{run.project.name}",
            now=moment,
            details={"run": run.key, "commit": commit.sha, "bundle": digest},
        )
        task.complete(session, says=says, inputs=[Ref("commit", commit.sha)], outputs=[output])
    return DeliveredBundle(digest, len(checkout.files), size_bytes, says)


__all__ = ["DeliveredBundle", "deliver"]
