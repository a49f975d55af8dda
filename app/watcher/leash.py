"""Runs a module as a service that never outlives its supervisor: `python -m app.watcher.leash MODULE ARGUMENTS`.

The supervisor holds the writing end of our standard input; when it dies, however it dies, reading ends and so do we.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
GRACE_S = 5.0


def main() -> None:
    """Put this process on the leash and become the module."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    leash = os.dup(0)
    os.set_inheritable(leash, False)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    threading.Thread(target=_end_with_supervisor, args=(leash,), name="leash", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_supervisor(leash: int) -> None:
    while os.read(leash, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()
