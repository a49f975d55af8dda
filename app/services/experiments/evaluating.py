"""Stage 4 of training: what the test rows say about model, baseline and production, and how sure that is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from app.domain.gates import judge
from app.services.experiments.calibrating import calibrate
from app.services.experiments.comparing import Rival, judge_production
from app.services.experiments.packing import pack
from app.services.experiments.results import Divided, Evaluated, Learned, Pulled
from app.services.experiments.teaching import taught_all
from app.services.running import TaskContext
from app.store import ledger

if TYPE_CHECKING:
    import numpy as np

    from app.learning.bootstrap import Interval, Resamples, Unknown
    from app.learning.verdict import Verdict

    Floats = np.ndarray[Any, np.dtype[np.float64]]
STEPS = 6


def evaluate(task: TaskContext, pulled: Pulled, divided: Divided, learned: Learned) -> Evaluated:
    """Stage 4: metrics with intervals, a verdict, slices, importances, the package and its proof, the gates."""
    from app.learning import evaluate as judging
    from app.learning import explain
    from app.learning.canary import check_in_child
    from app.learning.judged import judged_rows
    from app.learning.loader import LoadedModel
    from app.services.experiments.reporting import report_of
    from app.services.monitoring.references import reference_of
    from app.services.registry.attempts import tried
    from app.services.registry.evidence import Opponent, contract_of, evidence_of, kept_columns

    run, problem, fitted = task.run, task.run.project.file.problem, learned.fitted
    kind, truth, quantile = divided.signature.task, divided.test_target, task.run.project.file.problem.quantile
    calibration = calibrate(task, divided, fitted)
    model = LoadedModel(pack(task, pulled, divided, fitted, calibration=calibration))
    with ThreadPoolExecutor(1, "beside") as beside:  # what LightGBM computes leaves the interpreter to the main thread
        asked = beside.submit(
            explain.importances,
            model,
            divided.test,
            truth,
            problem.judged_by,
            quantile=quantile,
            seed=run.project.file.evaluation.seed,
        )
        predicted = model.predict_matrix(divided.test)
        metrics = judging.evaluate(kind, truth, predicted, quantile=quantile)
        classes = len(divided.signature.classes)
        constant = judging.baseline(kind, divided.train_target, len(truth), classes, quantile=quantile)
        base = judging.evaluate(kind, truth, constant, quantile=quantile)
        rival = judge_production(task, divided)
        task.progress(1, STEPS, "model, baseline and production judged")
        reference = beside.submit(
            lambda: reference_of(
                task,
                pulled,
                divided,
                predicted,
                constant,
                described=learned.described,
                metrics=metrics,
                importance=asked.result()[0],
            )
        )
        resamples, blocks = resamples_of(task, divided)
        intervals, verdicts, draws = _how_sure(task, truth, predicted, constant, rival, metrics, base, resamples)
        task.progress(2, STEPS, f"{resamples.count} resamples of {blocks}")
        slices = judging.slices(
            kind,
            divided.test_frame,
            problem.slices,
            truth,
            predicted,
            resamples=resamples,
            metric=problem.judged_by,
            quantile=quantile,
        )
        task.progress(3, STEPS, "slices judged")
        importance, unknown = asked.result()
        task.progress(4, STEPS, "importances")
        report = report_of(
            kind=kind,
            truth=truth,
            predicted=predicted,
            metrics=metrics,
            baseline=base,
            intervals=intervals,
            verdicts=verdicts,
            slices=slices,
            importance=importance,
            unknown=unknown,
            curve=fitted.points,
            blocks=blocks,
            resamples=resamples,
            metric=problem.judged_by,
        )
        taught, final, second = taught_all(task, pulled, divided, fitted)
        if second is not None:
            model = LoadedModel(pack(task, pulled, taught, final, calibration=calibration))
            report = {**report, "second_fit": second}
        package = pack(
            task, pulled, taught, final, metrics, slices, model=model, calibration=calibration, report=report
        )
        proof = check_in_child(package)
        columns = kept_columns(run.project.file, divided.signature, [str(name) for name in divided.test_frame.columns])
        judged = judged_rows(kind, divided.test_frame, columns, truth, predicted, constant)
        with run.store.read() as session:
            attempt = tried(session, run.project.name, beside=str(package.manifest["digest"]))
            contract = contract_of(session, run.project.name, run.project_id, pulled.version, run.project.file)
        opponent = Opponent(
            f"{run.project.name}/{rival.version}" if rival.version is not None else "",
            rival.says,
            rival.metrics,
            rival.predicted if len(judged.truth) == len(truth) else None,
            rival.signature,
        )
    evidence = evidence_of(
        run.project.file,
        judged,
        package,
        proof,
        opponent,
        metrics=metrics,
        baseline=base,
        slices=slices,
        draws=draws,
        refusal=resamples.refusal,
        attempt=attempt,
        contract=contract,
        judged_on=f"artifact:{judged.digest}",
    )
    gates = judge(evidence, run.project.file.gates)
    profile = reference.result()
    verdict = verdicts[0].says
    with run.store.write() as session:
        name = problem.judged_by
        ledger.log_parameters(session, run.run_id, {"rows.learned": len(taught.parts.train)})
        task.complete(session, says=f"{name} {metrics[name]:.4f}, {verdict}" if name in metrics else verdict)
    return Evaluated(
        metrics,
        base,
        rival.metrics,
        rival.version,
        slices,
        gates,
        package,
        profile,
        intervals,
        verdict,
        report,
        judged,
    )


def resamples_of(task: TaskContext, divided: Divided) -> tuple[Resamples, str]:
    """The draws that every interval of this run shares: days, where rows have a time."""
    from app.learning.bootstrap import Resamples, block_codes

    rule, event_time = task.run.project.file.evaluation, task.run.project.file.problem.event_time
    times = divided.test_frame[event_time] if event_time else None
    codes, blocks = block_codes(len(divided.test_target), times)
    return Resamples(codes, count=rule.resamples, seed=rule.seed), blocks


def _how_sure(
    task: TaskContext,
    truth: Floats,
    predicted: Floats,
    constant: Floats,
    rival: Rival,
    metrics: dict[str, float],
    base: dict[str, float],
    resamples: Resamples,
) -> tuple[dict[str, Interval | Unknown], list[Verdict], dict[str, dict[str, Floats]]]:
    """Intervals of the model's metrics, verdicts against production (where there is one) and baseline, the draws."""
    import math

    from app.learning.bootstrap import Unknown, interval_of
    from app.learning.metrics import scorer
    from app.learning.verdict import compare, sign_of

    problem = task.run.project.file.problem
    metric, quantile = problem.judged_by, problem.quantile
    scorers = {"model": scorer(problem.task, truth, predicted, quantile=quantile)}
    scorers["baseline"] = scorer(problem.task, truth, constant, quantile=quantile, only=metric)
    if rival.predicted is not None:
        scorers["production"] = scorer(problem.task, truth, rival.predicted, quantile=quantile, only=metric)
    draws = resamples.ask(scorers)
    refusal = resamples.refusal
    known: dict[str, Interval | Unknown] = {
        name: Unknown(refusal) if refusal else interval_of(draws["model"][name]) for name in metrics
    }
    verdicts = []
    for name, says, theirs in (
        ("production", rival.name, rival.metrics),
        ("baseline", "the baseline", base),
    ):
        if name in scorers and theirs is not None:
            gains = (
                Unknown(refusal)
                if refusal
                else interval_of(sign_of(metric) * (draws["model"][metric] - draws[name][metric]))
            )
            mine, other = metrics.get(metric, math.nan), theirs.get(metric, math.nan)
            verdicts.append(compare(metric, mine, other, says, gains))
    return known, verdicts, draws
