"""`python -m screenshots.write WORKSPACE`: one SVG a place at 120x36, and two at 80x24, from a workspace as it is."""

import asyncio
import sys
from pathlib import Path

from app.services.workspaces import find_workspace
from app.domain.actions import PLACES
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
                name = place if size[0] == 120 else f"{place}-80x24"
                path = folder / f"{name}.svg"
                path.write_text(app.export_screenshot(title="trainmaster"), encoding="utf-8")
                written.append(path)
    return written


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
