"""Setting a secret that sources refer to as ${NAME}."""

import os
import secrets
from dataclasses import dataclass

from app.domain.errors import Usage
from app.domain.secrets import PLACEHOLDER
from app.domain.workspace import Workspace
from app.services.secrets import secret_lines
from app.services.workspaces import actor, now
from app.store import audit
from app.store.engine import Store


@dataclass(frozen=True)
class SecretSet:
    """The name of a secret that has a value now."""

    name: str
    says: str


def set_secret(store: Store, workspace: Workspace, name: str, value: str, *, by: str | None = None) -> SecretSet:
    """Keep a secret in `.trainmaster/secrets` (mode 0600); the audit log has its name, nothing has its value.

    Raises Usage for a name that ${NAME} cannot hold, and for a value that is empty or has more than one line.
    """
    if not PLACEHOLDER.fullmatch(f"${{{name}}}"):
        raise Usage("the name of a secret has letters, digits and _", next_step="trainmaster data secret PGPASSWORD")
    if not value or "\n" in value:
        raise Usage("the value is empty, or has more than one line", next_step=f"trainmaster data secret {name}")
    lines = {**secret_lines(workspace), name: value}
    part = workspace.secrets_file.with_name(f".secrets.{secrets.token_hex(4)}")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
        stream.write("".join(f"{key}={kept}\n" for key, kept in sorted(lines.items())))
    part.replace(workspace.secrets_file)
    with store.write(durable=True) as session:
        audit.record(session, actor=by or actor(), action="data.secret_set", subject=f"secret:{name}", now=now())
    return SecretSet(name, f"{name} is set: sources may refer to it as ${{{name}}}")
