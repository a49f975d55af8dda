"""When garbage is searched for: in the pauses between keys, so that no frame waits for it."""

import gc
import time

PAUSE_S = 1.0
LONG_PAUSE_S = 4.0
WHOLE_EVERY_S = 60.0
THRESHOLDS = (5_000, 200, 100)
"""Where the collector begins by itself: young objects at once (half a millisecond), old ones only after a million."""


class Sweep:
    """The collector of a process that only draws; `key` notes when somebody typed, `look` is called now and then."""

    def __init__(self) -> None:
        self._key_at = self._whole_at = time.monotonic()

    def begin(self) -> None:
        """What is loaded by now stays and is never searched again; from now on the collector knows when to rest."""
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.enable()

    def keep(self) -> None:
        """What is loaded by now stays, too."""
        gc.freeze()

    def key(self) -> None:
        """Somebody typed."""
        self._key_at = time.monotonic()

    def look(self) -> int | None:
        """Search what is due when nobody types; gives the generation that was searched."""
        now = time.monotonic()
        quiet_s = now - self._key_at
        if quiet_s >= LONG_PAUSE_S and now - self._whole_at >= WHOLE_EVERY_S:
            self._whole_at = now
            gc.collect()
            return 2
        if quiet_s >= PAUSE_S and gc.get_count()[1] > 0:
            gc.collect(1)
            return 1
        return None


__all__ = ["Sweep"]
