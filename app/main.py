"""The door: a command line when there are arguments, the control room when there are none."""


def main() -> None:
    """Run `trainmaster`."""
    from app.cli.main import run

    run()
