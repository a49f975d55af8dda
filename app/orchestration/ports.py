"""The loopback ports of a workspace's services: chosen once, kept in a file, chosen again when taken."""

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from app.domain.errors import Unavailable
from app.domain.workspace import Workspace

HOST = "127.0.0.1"
FIRST, LAST = 20_000, 32_000


def read_ports(workspace: Workspace) -> dict[str, int]:
    """The ports that were chosen, by service; empty when none were or the file is damaged."""
    try:
        kept = json.loads(workspace.ports_file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {name: port for name, port in kept.items() if isinstance(port, int) and 1 <= port <= 65_535}


def port_of(workspace: Workspace, service: str) -> int:
    """The port of a service; raises Unavailable when none was chosen yet."""
    port = read_ports(workspace).get(service)
    if port is None:
        raise Unavailable(f"the {service} has no port yet", next_step="trainmaster up")
    return port


def choose_port(workspace: Workspace, service: str, *, is_free: Callable[[int], bool] | None = None) -> int:
    """Keep the port of the file while it is free, choose another one otherwise, and write the file (mode 0600)."""
    free = is_free or is_free_port
    kept = read_ports(workspace)
    port = kept.get(service)
    if port is None or not free(port):
        taken = set(kept.values())
        port = next(p for p in _candidates(workspace, service) if p not in taken and free(p))
        _write(workspace.ports_file, kept | {service: port})
    return port


def is_free_port(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def answers(port: int, timeout_s: float = 0.5) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def _candidates(workspace: Workspace, service: str) -> list[int]:
    """Ports in an order that differs from workspace to workspace, so that two rarely want the same."""
    seed = int.from_bytes(hashlib.sha256(f"{workspace.root}\0{service}".encode()).digest()[:4])
    span = LAST - FIRST
    return [FIRST + (seed + step * 7) % span for step in range(span)]


def _write(path: Path, ports: dict[str, int]) -> None:
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    handle = os.open(scratch, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w") as stream:
        json.dump(ports, stream)
    scratch.replace(path)
