"""The ci flow: a commit is linted, tested and rehearsed from raw rows to a served answer, and delivered as a bundle."""

from app.services.ci.checkout import Checkout, checked_out
from app.services.ci.delivering import DeliveredBundle
from app.services.ci.delivering import deliver as deliver_bundle
from app.services.ci.linting import lint as lint_files
from app.services.ci.rehearsing import Rehearsal, rehearsing
from app.services.ci.sources import commit_of
from app.services.ci.testing import run_tests
from app.services.ci.verdicts import judging
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("lint")
def lint(task: TaskContext, checkout: Checkout) -> None:
    """The text of the code."""
    lint_files(task, checkout)


@stage("tests")
def test(task: TaskContext, checkout: Checkout) -> None:
    """The project's own tests."""
    run_tests(task, checkout)


@stage("contracts")
def contracts(task: TaskContext, rehearsal: Rehearsal) -> None:
    """Ingest and features on a sample."""
    rehearsal.stage(task, "contracts")


@stage("smoke")
def smoke(task: TaskContext, rehearsal: Rehearsal) -> None:
    """A model of the sample answers through a real gateway."""
    rehearsal.stage(task, "smoke")


@stage("fit")
def fit(task: TaskContext, rehearsal: Rehearsal) -> None:
    """The loss falls, and a tiny set is learned by heart."""
    rehearsal.stage(task, "fit")


@stage("deliver")
def deliver(task: TaskContext, checkout: Checkout) -> DeliveredBundle:
    """The bundle, and the green verdict."""
    return deliver_bundle(task, checkout)


@flow("ci", stages=6)
def ci(run: RunContext) -> dict[str, object]:
    """Check one commit (parameter `commit`, else HEAD) and deliver its bundle; whatever fails is a red verdict."""
    commit = commit_of(run.project.workspace, str(run.parameters.get("commit") or "HEAD"))
    with judging(run, commit), checked_out(run, commit) as checkout:
        lint(run, checkout)
        test(run, checkout)
        with rehearsing(run, checkout) as rehearsal:
            contracts(run, rehearsal)
            smoke(run, rehearsal)
            fit(run, rehearsal)
        delivered = deliver(run, checkout)
    return {"verdict": "green", "commit": commit.sha, "bundle": delivered.digest, "says": delivered.says}


if __name__ == "__main__":
    main(ci)
