"""Does a feature set still hold what the deployed model takes? A source may lose, gain or retype a column."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import Refused
from app.store.queries.content import content_of
from app.store.reader import Reader

Kinds = Mapping[str, tuple[str, str]]
"""The kind (number, category) and the view of each feature."""

DEPLOYED = """
SELECT m.name, v.version, v.manifest FROM deployment d
JOIN project p ON p.id = d.project_id JOIN model_version v ON v.id = d.version_id JOIN model m ON m.id = v.model_id
WHERE d.state = 'active' AND p.name = :project
"""


@dataclass(frozen=True)
class Fit:
    """How features fit the deployed model: columns that it needs and are gone or of another kind, and new ones."""

    model: str
    version: int
    lost: tuple[str, ...]
    retyped: tuple[str, ...]
    gained: tuple[str, ...]

    @property
    def breaks(self) -> bool:
        """Whether the model could not be given what it takes."""
        return bool(self.lost or self.retyped)

    @property
    def says(self) -> str:
        """One line for people; nothing when all is as the model knows it.

        >>> Fit("homes", 3, ("size",), ("kind",), ()).says
        'the deployed model homes v3 needs size, which is gone, and kind as it was (another type now)'
        """
        wrong = [f"{', '.join(self.lost)}, which is gone"] if self.lost else []
        wrong += [f"{', '.join(self.retyped)} as it was (another type now)"] if self.retyped else []
        if wrong:
            return f"the deployed model {self.model} v{self.version} needs {', and '.join(wrong)}"
        if self.gained:
            return f"the deployed model {self.model} v{self.version} does not know {', '.join(self.gained)}"
        return ""


def fit_of(reader: Reader, project: str, views: Mapping[str, Mapping[str, object]]) -> Fit | None:
    """Compare the views of a feature set with the signature of the project's deployed model; None without one."""
    row = reader.one(DEPLOYED, {"project": project})
    if row is None:
        return None
    document = json.loads(content_of(reader, row["manifest"]))
    taken = {str(one["name"]): (str(one["kind"]), str(one["view"])) for one in document["signature"]["features"]}
    return compared(str(row["name"]), int(row["version"]), taken, kinds_of(views))


def kinds_of(views: Mapping[str, Mapping[str, object]]) -> Kinds:
    """The features of a feature set's views, the spine left out."""
    found = {}
    for view, record in views.items():
        columns = record["columns"]
        assert isinstance(columns, Sequence)
        if not record.get("is_spine"):
            found.update({str(one["name"]): (str(one["kind"]), view) for one in columns})
    return found


def compared(model: str, version: int, taken: Kinds, held: Kinds) -> Fit:
    """What a model takes beside what there is; a feature of another view is one that is gone.

    >>> taken, held = {"a": ("number", "x"), "b": ("number", "x")}, {"a": ("category", "x"), "c": ("number", "x")}
    >>> fit = compared("m", 1, taken, held)
    >>> fit.lost, fit.retyped, fit.gained
    (('b',), ('a',), ('c',))
    """
    lost = tuple(name for name, (_, view) in taken.items() if name not in held or held[name][1] != view)
    retyped = tuple(name for name, (kind, _) in taken.items() if name not in lost and held[name][0] != kind)
    return Fit(model, version, lost, retyped, tuple(name for name in held if name not in taken))


def require_fit(reader: Reader, project: str, version: int, views: Mapping[str, Mapping[str, object]]) -> None:
    """Raise Refused when features that go online would leave the deployed model without what it takes."""
    found = fit_of(reader, project, views)
    if found is not None and found.breaks:
        raise Refused(
            f"{found.says}; v{version} of the features does not go online, what is online stays",
            where=f"features {project}/v{version}",
            next_step=f"bring it back, or deploy a model of these features: trainmaster train run --project {project}",
        )
