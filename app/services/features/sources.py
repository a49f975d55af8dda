"""The feature code of a project on disk."""

from typing import TYPE_CHECKING

from app.domain.errors import BadInput, NotFound
from app.services.workspaces import OpenProject

if TYPE_CHECKING:
    from app.features.rules import Rules


def load_rules(project: OpenProject) -> "Rules":
    """The functions of a project's `features.py`; raises NotFound or BadInput."""
    from app.features import rules

    path = project.code_folder / "features.py"
    shown = f"projects/{project.name}/features.py"
    if not path.is_file():
        raise NotFound(f"there is no {shown}", next_step="write one function for the spine and one for each view")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not UTF-8 (byte {error.start})", where=shown, next_step="save it as UTF-8") from None
    return rules.load(text, shown)
