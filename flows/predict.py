"""The predict flow: a window of the offline store, answered by the production version in one batch."""

from datetime import datetime

from app.domain.errors import Usage
from app.services import predictions
from app.services.running import RunContext, TaskContext
from flows.harness import flow, main, stage


@stage("predict")
def answer(task: TaskContext, window: tuple[datetime | None, datetime | None] | None) -> dict[str, object]:
    """The batch."""
    size = task.run.parameters.get("piece_rows")
    if size is not None and (not str(size).isdecimal() or int(str(size)) < 1):
        raise Usage("parameter piece_rows is not a number of rows", next_step="piece_rows=65536")
    return predictions.predict(task, window=window, piece_rows=None if size is None else int(str(size)))


@flow("predict", stages=1)
def predict(run: RunContext) -> dict[str, object]:
    """Predict everything newer than the last batch, or the window of the parameters `from` and `to` (ISO 8601)."""
    begin, end = _moment(run, "from"), _moment(run, "to")
    return answer(run, None if begin is None and end is None else (begin, end))


def _moment(run: RunContext, name: str) -> datetime | None:
    text = run.parameters.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Usage(f"parameter {name} is not a time with a zone", next_step=f"{name}=2013-04-01T00:00:00Z")
    return moment


if __name__ == "__main__":
    main(predict)
