"""Several processes behind one socket: they share the port, the log and the store, and none waits for another."""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

from app.domain.workspace import Workspace

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0
END_S = 10.0
log = logging.getLogger(__name__)


def watch_over(workspace: Workspace, count: int, listening: socket.socket) -> int:
    """Start `count` processes that answer on a socket, start those again that die, and end with all of them.

    A process ends by itself when this one dies: its standard input is a pipe whose other end is here.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    leash_end, leash = os.pipe()
    running: dict[int, subprocess.Popen[bytes]] = {}
    pauses = dict.fromkeys(range(count), FIRST_PAUSE_S)
    begun, due = dict.fromkeys(range(count), 0.0), dict.fromkeys(range(count), 0.0)
    try:
        while not stop.is_set():
            for worker in range(count):
                moment = time.monotonic()
                process = running.get(worker)
                if process is not None and process.poll() is not None:
                    log.error("process %d of the gateway ended (%s)", worker, process.returncode)
                    del running[worker]
                    steady = moment - begun[worker] > STEADY_S
                    pauses[worker] = FIRST_PAUSE_S if steady else min(pauses[worker] * 2, LONGEST_PAUSE_S)
                    due[worker] = moment + pauses[worker]
                elif process is None and moment >= due[worker]:
                    running[worker], begun[worker] = _start(workspace, worker, listening, leash_end), moment
            stop.wait(0.1)
    finally:
        for process in running.values():
            process.terminate()
        until = time.monotonic() + END_S
        for process in running.values():
            try:
                process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        os.close(leash)
        os.close(leash_end)
    return 0


def _start(workspace: Workspace, worker: int, listening: socket.socket, leash_end: int) -> "subprocess.Popen[bytes]":
    handle = listening.fileno()
    command = [sys.executable, "-m", "app.watcher.leash", "app.gateway", "--workspace", str(workspace.root)]
    return subprocess.Popen(
        [*command, "--worker", str(worker), "--socket", str(handle)], stdin=leash_end, pass_fds=[handle]
    )


__all__ = ["watch_over"]
