"""The door: a command line when there are arguments, the control room when there are none."""

import os
import sys

from app.domain.processes import end_quickly, prepare


def main() -> None:
    """Run `trainmaster`."""
    prepare(os.environ)
    end_quickly()
    from app.cli.main import run

    opens = run()
    if opens is not None:
        from app.tui.app import run as open_control_room

        sys.exit(open_control_room(opens))


if __name__ == "__main__":
    main()
