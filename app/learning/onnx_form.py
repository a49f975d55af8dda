"""A model as ONNX, verified against the stored predictions by onnxruntime; what float32 changes is said, not hidden."""

import importlib
import math
import warnings
from dataclasses import dataclass, field
from typing import Any

from app.domain.errors import BadInput, Refused, Unavailable
from app.domain.problem import Task
from app.learning.calibration import SMALLEST, Calibration
from app.learning.formats import Format
from app.learning.openmp import wait_passively
from app.learning.package import Package
from app.learning.signature import RecordEncoder, Signature

TOLERANCE = 1e-5
"""Relative to 1 or to the prediction's size, whichever is larger: inputs and sums are float32 in ONNX."""
OPSET = 15


@dataclass(frozen=True)
class Converted:
    """A model as ONNX bytes, and how far its answers are from the stored ones."""

    content: bytes = field(repr=False)
    rows: int
    largest: float
    tolerance: float = TOLERANCE

    @property
    def says(self) -> str:
        """The proof in one line."""
        return (
            f"{self.rows} stored predictions, the largest difference is {self.largest:.2g} (float32, at most "
            f"{self.tolerance:g})"
        )

    @property
    def facts(self) -> dict[str, object]:
        """What a reader of the file must know."""
        return {
            "input": "input: float32 (rows, features) in the order of manifest.json, categories as codes, NaN missing",
            "output": "the last output: probabilities (rows, classes), or numbers (rows, 1)",
            "rows": self.rows,
            "largest_difference": self.largest,
        }


def convert(package: Package) -> Converted:
    """Convert a verified package and compare with its stored predictions.

    Raises Unavailable without the ONNX libraries, BadInput for a learner that has no ONNX form, Refused when an answer
    differs by more than 1e-5: a float32 input then lies on the other side of a threshold.
    """
    package.verify()
    signature = Signature.of_json(package.manifest["signature"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = _convert(package, len(signature.features))
            if package.calibration is not None:
                append_calibration(model, package.calibration, signature)
            content: bytes = model.SerializeToString()
        except (Unavailable, BadInput):
            raise
        except Exception as error:  # converters raise whatever they like for what they do not know
            raise BadInput(
                f"this model has no ONNX form: {type(error).__name__} {str(error)[:200]}",
                next_step="export without --onnx",
            ) from None
    largest = largest_difference(content, package, signature)
    done = Converted(content, len(package.canary["inputs"]), largest)
    if not largest <= TOLERANCE:
        raise Refused(f"the ONNX model answers otherwise: {done.says}", next_step="export without --onnx")
    return done


def largest_difference(content: bytes, package: Package, signature: Signature) -> float:
    """The largest difference of ONNX answers from the stored ones, relative to 1 or to the stored size."""
    import numpy as np

    runtime = _library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    records = package.canary["inputs"]
    matrix = np.asarray(RecordEncoder(signature).rows(records), dtype=np.float32).reshape(len(records), -1)
    answers = np.asarray(session.run(None, {"input": matrix})[-1], dtype=np.float64).reshape(len(records), -1)
    if signature.task is Task.BINARY and answers.shape[1] == 2:
        answers = answers[:, 1:]
    stored = np.asarray(package.canary["predictions"], dtype=np.float64).reshape(len(records), -1)
    if answers.shape != stored.shape or not np.isfinite(answers).all():
        return math.inf
    return float((np.abs(answers - stored) / np.maximum(1.0, np.abs(stored))).max())


def append_calibration(model: Any, calibration: Calibration, signature: Signature) -> None:
    """Let the graph end in calibrated probabilities: lines between knots as sums of clipped steps, or a sigmoid."""
    import numpy as np

    helper, arrays = _library("onnx.helper"), _library("onnx.numpy_helper")
    graph, source, nodes = model.graph, model.graph.output[-1].name, []

    def constant(name: str, value: Any) -> str:
        kind = np.int64 if name.startswith("at") else np.float32
        graph.initializer.append(arrays.from_array(np.asarray(value, dtype=kind), f"calibration.{name}"))
        return f"calibration.{name}"

    def step(kind: str, inputs: list[str], name: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"calibration.{name}"], **attributes))
        return f"calibration.{name}"

    placed = []
    for at, curve in enumerate(calibration.curves):
        column = 1 if signature.task is Task.BINARY else at
        score = step("Gather", [source, constant(f"at{at}", [column])], f"score{at}", axis=1)
        if curve.x:
            xs, ys = np.asarray(curve.x), np.asarray(curve.y)
            if len(xs) < 2:
                xs, ys = np.array([xs[0], xs[0] + 1]), np.array([ys[0], ys[0]])
            low, high = constant(f"low{at}", xs[:-1][None]), constant(f"high{at}", xs[1:][None])
            held = step("Min", [step("Max", [score, low], f"above{at}"), high], f"held{at}")
            risen = step("Sub", [held, low], f"risen{at}")
            slopes = constant(f"slopes{at}", (np.diff(ys) / np.diff(xs))[:, None])
            summed = step("MatMul", [risen, slopes], f"summed{at}")
            placed.append(step("Add", [summed, constant(f"first{at}", [[ys[0]]])], f"placed{at}"))
        else:
            floor, ceiling = constant(f"floor{at}", [[SMALLEST]]), constant(f"ceiling{at}", [[1 - SMALLEST]])
            held = step("Min", [step("Max", [score, floor], f"above{at}"), ceiling], f"held{at}")
            rest = step("Sub", [constant(f"one{at}", [[1.0]]), held], f"rest{at}")
            odds = step("Log", [step("Div", [held, rest], f"ratio{at}")], f"odds{at}")
            steep = step("Mul", [odds, constant(f"slope{at}", [[curve.slope]])], f"steep{at}")
            moved = step("Add", [steep, constant(f"intercept{at}", [[curve.intercept]])], f"moved{at}")
            placed.append(step("Sigmoid", [moved], f"placed{at}"))
    last = placed[0]
    if len(placed) > 1:
        width = len(placed)
        together = step("Concat", placed, "together", axis=1)
        total = step("MatMul", [together, constant("ones", np.ones((width, width)))], "total")
        last = step("Div", [together, total], "shares")
    graph.node.extend(nodes)
    tensor = importlib.import_module("onnx").TensorProto
    graph.output.append(helper.make_tensor_value_info(last, tensor.FLOAT, [None, len(placed)]))


def _convert(package: Package, width: int) -> Any:
    if package.format is Format.LIGHTGBM_TEXT:
        wait_passively()
        import lightgbm

        tools = _library("onnxmltools")
        kinds = _library("onnxmltools.convert.common.data_types")
        booster = lightgbm.Booster(model_str=package.model.decode())
        return tools.convert_lightgbm(
            booster, initial_types=[("input", kinds.FloatTensorType([None, width]))], zipmap=False, target_opset=OPSET
        )
    from app.learning.estimator import load_estimator

    tools = _library("skl2onnx")
    kinds = _library("skl2onnx.common.data_types")
    estimator = load_estimator(package.model)
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    options = {id(last): {"zipmap": False}} if hasattr(last, "predict_proba") else None
    return tools.convert_sklearn(
        estimator,
        initial_types=[("input", kinds.FloatTensorType([None, width]))],
        options=options,
        target_opset={"": OPSET, "ai.onnx.ml": 3},
    )


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unavailable(
            f"ONNX needs {name.partition('.')[0]}, which is not installed",
            next_step="pip install 'trainmaster[models]'",
        ) from None


__all__ = ["Converted", "append_calibration", "convert"]
