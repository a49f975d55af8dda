"""Which Prefect a workspace speaks to, and what its own one is told."""

import pytest

from app.domain.errors import Unavailable
from app.domain.workspace import Workspace
from app.orchestration.ports import choose_port
from app.orchestration.server import auth_string, client_environment, endpoint, server_environment


def test_the_own_server_is_locked_and_hears_nothing_of_the_persons_prefect(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_secret")
    monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", "sqlite:////elsewhere.db")

    environment = server_environment(workspace, 24_242)

    assert "PREFECT_API_KEY" not in environment
    assert "PREFECT_API_DATABASE_CONNECTION_URL" not in environment
    assert environment["PREFECT_HOME"] == str(workspace.prefect_home)
    assert environment["PREFECT_SERVER_API_AUTH_STRING"] == auth_string(workspace)
    assert environment["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:24242"
    assert environment["PREFECT_SERVER_CSRF_PROTECTION_ENABLED"] == "true"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_the_own_server_is_the_default_and_says_up_before_the_first_start(workspace: Workspace) -> None:
    with pytest.raises(Unavailable) as refusal:
        endpoint(workspace, {})
    port = choose_port(workspace, "orchestrator")

    where = endpoint(workspace, {})

    assert refusal.value.next_step == "trainmaster up"
    assert (where.url, where.ours) == (f"http://127.0.0.1:{port}/api", True)
    assert auth_string(workspace) not in repr(where)


def test_a_persons_own_server_is_used_by_variable_or_by_setting(workspace: Workspace) -> None:
    choose_port(workspace, "orchestrator")

    by_variable = endpoint(workspace, {"PREFECT_API_URL": "http://prefect.example/api/"})
    ours_again = endpoint(workspace, client_environment(endpoint(workspace, {})))
    workspace.marker.write_text('[orchestrator]\nurl = "http://team.example/api"\n')
    by_setting = endpoint(workspace, {})

    assert (by_variable.url, by_variable.ours) == ("http://prefect.example/api", False)
    assert ours_again.ours
    assert (by_setting.url, by_setting.ours) == ("http://team.example/api", False)
