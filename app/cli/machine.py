"""What `train estimate` and `runs reproduce` print for a person."""

from typing import TYPE_CHECKING

from app.cli.render import fields, table

if TYPE_CHECKING:
    from app.machine.admission import Verdict
    from app.services.estimating import Estimated
    from app.services.reproducing import Reproduced


def print_estimate(found: "Estimated", verdict: "Verdict") -> None:
    """The estimate, the decision about it, and how the last estimates did."""
    shape, seconds, rss = found.shape, found.seconds, found.rss_bytes
    error = found.typical_error
    inside = f"{sum(one.inside for one in found.tracked)} of the last {len(found.tracked)} runs lay inside"
    fields(
        {
            "project": found.project,
            "work": f"{shape.rows:,} rows x {shape.features} features x {shape.rounds} rounds, {shape.threads} threads",
            "device": found.device,
            "time": f"{seconds.value:.1f} s ({seconds.low:.1f} to {seconds.high:.1f}; 9 of 10 lie inside)",
            "memory": f"{rss.value / 2**20:,.0f} MB ({rss.low / 2**20:,.0f} to {rss.high / 2**20:,.0f})",
            "gpu memory": f"{found.gpu_memory_bytes / 2**20:,.0f} MB",
            "based on": found.basis,
            "typical error": "no run to compare with yet" if error is None else f"{error:.0%}, {inside}",
            "now": f"{verdict.decision}: {verdict.says}",
        }
    )
    if found.tracked:
        print()
        table(
            ["run", "predicted s", "actual s", "error", "predicted MB", "actual MB", "inside"],
            [
                (
                    one.run,
                    round(one.predicted_s, 1),
                    round(one.actual_s, 1),
                    f"{one.error:+.0%}",
                    one.predicted_rss_bytes >> 20,
                    one.actual_rss_bytes >> 20,
                    "yes" if one.inside else "no",
                )
                for one in found.tracked
            ],
            empty="",
        )


def print_reproduced(found: "Reproduced") -> None:
    """The verdict, every step, and the first difference."""
    fields({"run": found.run, "verdict": found.verdict, "says": found.says, "seconds": round(found.seconds, 1)})
    print()
    table(["step", "state", "detail"], [(one.step, one.state, one.says) for one in found.steps], empty="")
