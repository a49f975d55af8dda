"""Pictures of the control room, written by `python -m screenshots.write WORKSPACE`."""
