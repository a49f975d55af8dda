"""The registry: plans of promotions, promotions, deployments, rollbacks; every one is one durable transaction."""

from app.services.registry.aliases import Moved, point
from app.services.registry.approving import Approved, Waived, approve, waive
from app.services.registry.confirming import Confirmed, confirm
from app.services.registry.deploying import Candidate, check, promote_here, prove, roll_out, serve, switch
from app.services.registry.judging import Tested, judge_again
from app.services.registry.packages import find_version, package_of, production_version, read_package
from app.services.registry.promoting import PromotionPlan, PromotionRequested, plan_promotion, promote
from app.services.registry.returning import fall_back, rollback, undo
from app.services.registry.staging import Staged, stage
from app.services.registry.switching import Switched

__all__ = [
    "Approved",
    "Candidate",
    "Confirmed",
    "Moved",
    "PromotionPlan",
    "PromotionRequested",
    "Staged",
    "Switched",
    "Tested",
    "Waived",
    "approve",
    "check",
    "confirm",
    "fall_back",
    "find_version",
    "judge_again",
    "package_of",
    "plan_promotion",
    "point",
    "production_version",
    "promote",
    "promote_here",
    "prove",
    "read_package",
    "roll_out",
    "rollback",
    "serve",
    "stage",
    "switch",
    "undo",
    "waive",
]
