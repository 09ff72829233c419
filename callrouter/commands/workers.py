"""Several instances on consecutive ports: each a process of its own, started again when it dies."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from callrouter import logs
from callrouter.domain.clock import Clock

LOOK_EVERY_S = 0.2
MAX_WAIT_S = 30.0
"""The longest wait before a worker is started again; the first one is a second."""
MOST_FAILED_STARTS = 3
"""A worker that died so often without ever having served is not started again, and ends the others."""
WRONG_CONFIGURATION = 2

log = logging.getLogger("callrouter")


class Worker:
    """One instance on its own port."""

    def __init__(self, host: str, port: int) -> None:
        self.port = port
        self.failed_starts = 0
        """Deaths in a row since it last served."""
        self.again_at: float | None = None
        """When to start it again, on the clock's monotonic time; ``None`` while it runs."""
        self._host = host
        self._served = False
        self._ever_served = False
        self._process = self._started()

    @property
    def hopeless(self) -> bool:
        """Whether starting it again cannot help."""
        if self.status == WRONG_CONFIGURATION:
            return True
        return not self._ever_served and self.failed_starts >= MOST_FAILED_STARTS

    @property
    def status(self) -> int | None:
        """Exit status of its process, ``None`` while that runs; negative when a signal ended it."""
        return self._process.poll()

    def look(self, now: float) -> None:
        """Note what has become of it, and start it again when that is due."""
        if self.status is None:
            self._served = self._served or self._listens()
            self._ever_served = self._ever_served or self._served
        elif self.again_at is None:
            self.failed_starts = 0 if self._served else self.failed_starts + 1
            wait_s = min(MAX_WAIT_S, 2.0 ** max(0, self.failed_starts - 1))
            self.again_at = now + wait_s
            fields = {"port": self.port, "status": self.status, "again_in_s": wait_s}
            if self.hopeless:
                log.error("instance ended, given up", extra={"port": self.port, "status": self.status})
            else:
                log.error("instance ended, started again", extra=fields)
        elif now >= self.again_at:
            self.again_at, self._served = None, False
            self._process = self._started()

    def end(self) -> None:
        """Ask it to end; a second time: at once."""
        if self.status is None:
            self._process.send_signal(signal.SIGTERM)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "callrouter", "serve", "--host", self._host, "--port", str(self.port)]
        # A group of its own: Ctrl-C is ours to pass on, once.
        return subprocess.Popen(command, env=os.environ.copy(), process_group=0)  # noqa: S603 - our own program

    def _listens(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - read, not bound
        try:
            socket.create_connection((host, self.port), timeout=1.0).close()
        except OSError:
            return False
        return True


def serve_many(host: str, port: int, workers: int, clock: Clock, secrets: Sequence[str]) -> int:
    """Run them until a signal, or until one cannot be started. Returns the exit status: 0, 1 or 2."""
    logs.configure_logging(sys.stderr, secrets=secrets)
    signals = _count_signals()
    running = [Worker(host, port + no) for no in range(workers)]
    while not signals() and not any(worker.hopeless for worker in running):
        time.sleep(LOOK_EVERY_S)
        for worker in running:
            worker.look(clock.monotonic())
    log.info("stopping the instances", extra={"count": workers})
    hopeless = [worker.status for worker in running if worker.hopeless]
    _end(running, signals)
    if hopeless:
        return WRONG_CONFIGURATION if WRONG_CONFIGURATION in hopeless else 1
    return 0 if all(worker.status == 0 for worker in running) else 1


def _end(workers: Sequence[Worker], signals: Callable[[], int]) -> None:
    """Ask all to end and wait; a further signal is passed on."""
    for worker in workers:
        worker.end()
    told = signals()
    while any(worker.status is None for worker in workers):
        time.sleep(LOOK_EVERY_S)
        if signals() > told:
            told = signals()
            for worker in workers:
                worker.end()


def _count_signals() -> Callable[[], int]:
    """Take SIGTERM and SIGINT from now on; how many there were."""
    count = 0

    def note(sig: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return lambda: count
