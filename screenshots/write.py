"""`python -m screenshots.write WORKSPACE`: each place at 120x36, two at 80x24, the promotion dialog."""

import asyncio
import sys
from pathlib import Path

from app.domain.actions import PLACES
from app.services.workspaces import find_workspace
from app.tui.app import ControlRoom

FOLDER = Path(__file__).parent
SMALL = ("overview", "runs")
SETTLE_S = 4.0


async def write(workspace_root: Path, folder: Path = FOLDER) -> list[Path]:
    """Open the control room on a workspace without a terminal and keep what it shows; gives the files."""
    workspace = find_workspace(workspace_root, named=workspace_root)
    written = []
    for size, places in (((120, 36), [place.name for place in PLACES]), ((80, 24), list(SMALL))):
        app = ControlRoom(workspace, start_services=False)
        async with app.run_test(size=size) as pilot:
            await pilot.pause(SETTLE_S)  # some readings of the machine
            for place in places:
                app.go(place)
                await pilot.pause(1.0)
                written.append(keep(app, folder, place if size[0] == 120 else f"{place}-80x24"))
                if size[0] == 120 and place == "registry":
                    await pilot.press("p")
                    await pilot.pause(2.0)
                    written.append(keep(app, folder, "promotion"))
                    await pilot.press("escape")
    return written


def keep(app: ControlRoom, folder: Path, name: str) -> Path:
    """Write what the app shows now."""
    path = folder / f"{name}.svg"
    path.write_text(app.export_screenshot(title="trainmaster"), encoding="utf-8")
    return path


def main() -> int:
    """Write all of them and say where."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m screenshots.write WORKSPACE\n")
        return 2
    for path in asyncio.run(write(Path(sys.argv[1]))):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
