"""The feature code of a project on disk."""

from typing import TYPE_CHECKING

from app.domain.errors import BadInput, NotFound
from app.services.workspaces import OpenProject

if TYPE_CHECKING:
    from app.features.rules import Rules


def load_rules(project: OpenProject) -> "Rules":
    """The functions of a project's `features.py`; raises NotFound or BadInput."""
    from app.features import rules

    texts = code_of(project)
    shown = f"projects/{project.name}/features.py"
    siblings = {name.removesuffix(".py"): text for name, text in texts.items() if name != "features.py"}
    return rules.load(texts["features.py"], shown, siblings)


def code_of(project: OpenProject) -> dict[str, str]:
    """The source of `features.py` and of the modules beside it, by file name; raises NotFound or BadInput."""
    shown = f"projects/{project.name}/features.py"
    if not (project.code_folder / "features.py").is_file():
        raise NotFound(f"there is no {shown}", next_step="write one function for the spine and one for each view")
    found = {}
    for path in sorted(project.code_folder.glob("*.py")):
        try:
            found[path.name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise BadInput(
                f"it is not UTF-8 (byte {error.start})",
                where=f"projects/{project.name}/{path.name}",
                next_step="save it as UTF-8",
            ) from None
    return found
