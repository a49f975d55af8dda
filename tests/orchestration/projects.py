"""A small project with data, for tests that need no flights."""

from app.domain.workspace import Workspace

PROJECT = """
name = "{name}"
[charter]
goal = "know it sooner"
kpi = "auc"
owner = "ana"
[problem]
task = "binary"
target = "late"
[sources.rows]
path = "incoming/rows/*.csv"
[spine]
function = "labelled"
[views.facts]
entity = ["id"]
"""

FEATURES = '''
import pandas as pd


def labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """The labelled rows."""
    return rows[["id", "late"]]


def facts(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of each."""
    return rows[["id", "size"]]
'''


def add_project(workspace: Workspace, name: str = "demo") -> None:
    """Write the project's files; there is no data yet."""
    folder = workspace.project_folder(name)
    (folder / "incoming" / "rows").mkdir(parents=True)
    (folder / "project.toml").write_text(PROJECT.format(name=name))
    (folder / "features.py").write_text(FEATURES)


def rows_csv(first: int = 0, count: int = 40) -> str:
    """Rows of a source as CSV: id, size, late."""
    lines = [f"{n},{n % 7},{int(n % 3 == 0)}" for n in range(first, first + count)]
    return "id,size,late\n" + "\n".join(lines) + "\n"
