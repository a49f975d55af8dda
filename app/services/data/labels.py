"""The answers of a source's rows: the target column itself, or what the spine's function makes of the rows."""

from typing import TYPE_CHECKING

from app.domain.errors import TrainmasterError
from app.domain.text import visible
from app.services.workspaces import OpenProject

if TYPE_CHECKING:
    import pandas as pd

    from app.data.target import Target


def target_of(project: OpenProject, source: str, frame: "pd.DataFrame") -> "Target":
    """The target of each row of a source, in order; without values, and with the reason, when it cannot be told.

    Feature code that fails does not stop an ingest: the profile says what it said.
    """
    from app.data.target import Target

    problem = project.file.problem
    name, task = problem.target, problem.task
    if name in frame.columns:
        return Target(name, task, frame[name], f"column {visible(name)} of the source")
    spine = project.file.spine.function
    try:
        values, says = _by_spine(project, source, frame, spine, name)
    except TrainmasterError as error:
        return Target(name, task, None, f"the labels cannot be computed: {visible(error.message, longest=200)}")
    return Target(name, task, values, says)


def _by_spine(
    project: OpenProject, source: str, frame: "pd.DataFrame", spine: str, name: str
) -> "tuple[pd.Series | None, str]":
    from app.features import rules

    path = project.workspace.features_file(project.name)
    if not path.is_file():
        return None, "there is no features.py yet"
    found = rules.load(path.read_text(encoding="utf-8", errors="replace"), f"projects/{project.name}/features.py")
    sources = list(project.file.sources)
    read = found.sources_of(spine, sources)
    if source not in read:
        return None, f"the target {visible(name)} is not made of this source"
    if read != [source]:
        return None, f"the target {visible(name)} is made of several sources: {visible(', '.join(read))}"
    frames = {source: frame}
    for step in found.order([spine], sources):
        frames[step] = rules.run(found, step, frames)
    labelled = frames[spine]
    if name not in labelled.columns:
        return None, f"function {spine} gives no column {visible(name)}"
    if len(labelled) != len(frame):
        return None, f"function {spine} gives {len(labelled):,} rows for {len(frame):,}: they cannot be matched"
    return labelled[name], f"function {spine} of features.py"
