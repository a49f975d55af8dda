"""Each workspace has its own loopback ports and keeps them."""

import socket
import stat

import pytest

from app.domain.errors import Unavailable
from app.domain.workspace import Workspace
from app.orchestration.ports import choose_port, port_of, read_ports


def test_a_port_is_chosen_once_and_kept(workspace: Workspace) -> None:
    first = choose_port(workspace, "orchestrator")

    again = choose_port(workspace, "orchestrator")

    assert first == again == port_of(workspace, "orchestrator")
    assert stat.S_IMODE(workspace.ports_file.stat().st_mode) == 0o600


def test_a_port_that_somebody_took_is_chosen_anew_and_the_other_services_keep_theirs(workspace: Workspace) -> None:
    gateway = choose_port(workspace, "gateway")
    taken = choose_port(workspace, "orchestrator")
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", taken))
        stranger.listen()

        chosen = choose_port(workspace, "orchestrator")

    assert chosen not in (taken, gateway)
    assert read_ports(workspace) == {"gateway": gateway, "orchestrator": chosen}


def test_a_damaged_file_of_ports_is_as_good_as_none(workspace: Workspace) -> None:
    workspace.ports_file.write_text('{"gateway": "\\u001b[31m", "orchestrator": 99999999}')

    assert read_ports(workspace) == {}
    with pytest.raises(Unavailable, match="no port yet"):
        port_of(workspace, "gateway")
