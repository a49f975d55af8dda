"""The registry: plans of promotions, promotions, deployments, rollbacks; every one is one durable transaction."""

from app.services.registry.deploying import Candidate, check, promote_here, prove, switch
from app.services.registry.packages import find_version, package_of, production_version, read_package
from app.services.registry.promoting import PromotionPlan, PromotionRequested, plan_promotion, promote
from app.services.registry.returning import rollback, undo
from app.services.registry.switching import Switched

__all__ = [
    "Candidate",
    "PromotionPlan",
    "PromotionRequested",
    "Switched",
    "check",
    "find_version",
    "package_of",
    "plan_promotion",
    "production_version",
    "promote",
    "promote_here",
    "prove",
    "read_package",
    "rollback",
    "switch",
    "undo",
]
