"""Serving: which version answers for which project, trying a candidate beside it, and a client of the gateway."""

from app.services.serving.asking import (
    ActiveDeployment,
    GatewayHealth,
    active_deployments,
    ask,
    ask_entities,
    gateway_url,
    health,
    parse_metrics,
)

__all__ = [
    "ActiveDeployment",
    "GatewayHealth",
    "active_deployments",
    "ask",
    "ask_entities",
    "gateway_url",
    "health",
    "parse_metrics",
]
