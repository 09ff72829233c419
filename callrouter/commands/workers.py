"""Several instances on consecutive ports: each a process of its own, started again when it dies.

On SIGHUP they are started anew one after the other, each only when the one before serves again: what is new in the
code is taken up, and a proxy that watches ``/readyz`` loses nothing.
"""

import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from types import FrameType

from callrouter import logs
from callrouter.domain.clock import Clock

LOOK_EVERY_S = 0.2
MAX_WAIT_S = 30.0
"""The longest wait before a worker is started again; the first one is a second."""
MOST_FAILED_STARTS = 3
"""A worker that died so often without ever having served is not started again, and ends the others."""
WRONG_CONFIGURATION = 2
STOP_WITHIN_S = 30.0
"""What ending in good order takes at most: serving on for a proxy, live auctions, live requests."""
READY_WITHIN_S = 30.0
"""A worker that is started anew and not ready by then keeps the others from being started anew."""

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
        self._leaves = False
        self._process = self._started()

    @property
    def hopeless(self) -> bool:
        """Whether starting it again cannot help."""
        if self._ever_served:  # what has become wrong since is no reason to end those that serve
            return False
        return self.status == WRONG_CONFIGURATION or self.failed_starts >= MOST_FAILED_STARTS

    @property
    def status(self) -> int | None:
        """Exit status of its process, ``None`` while that runs; negative when a signal ended it."""
        return self._process.poll()

    def look(self, now: float) -> None:
        """Note what has become of it, and start it again when that is due."""
        if self.status is None:
            self._served = self._served or self._listens()
            self._ever_served = self._ever_served or self._served
        elif self._leaves:
            log.info("instance ended, started anew", extra={"port": self.port, "status": self.status})
            self._leaves, self._served = False, False
            self._process = self._started()
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

    @property
    def ready(self) -> bool:
        """Whether it says that it is ready for calls, and has not been told to go."""
        if self._leaves or self.status is not None:
            return False
        connection = http.client.HTTPConnection(self._reached_at, self.port, timeout=1.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start_anew(self) -> None:
        """Ask it to end in good order; the next `look` after that starts it again. One that has died is left to it."""
        if self.status is None:
            self._leaves = True
            self.end()

    def end(self) -> None:
        """Ask it to end; a second time: at once."""
        if self.status is None:
            self._process.send_signal(signal.SIGTERM)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "callrouter", "serve", "--host", self._host, "--port", str(self.port)]
        # A group of its own: Ctrl-C is ours to pass on, once.
        return subprocess.Popen(command, env=os.environ.copy(), process_group=0)  # noqa: S603 - our own program

    @property
    def _reached_at(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - read, not bound

    def _listens(self) -> bool:
        try:
            socket.create_connection((self._reached_at, self.port), timeout=1.0).close()
        except OSError:
            return False
        return True


class Renewal:
    """Starts workers anew, one after the other, each only while all others serve.

    Given up, and told, when one does not get ready again.
    """

    def __init__(self) -> None:
        self._all: Sequence[Worker] = ()
        self._waiting: deque[Worker] = deque()
        self._current: Worker | None = None
        self._not_later_than = 0.0

    def begin(self, workers: Sequence[Worker], now: float) -> None:
        """All of them; asked for again while it is under way, it begins again behind the one of now."""
        log.info("starting the instances anew", extra={"count": len(workers)})
        if not self._under_way:
            self._not_later_than = now + STOP_WITHIN_S + READY_WITHIN_S
        self._all, self._waiting = workers, deque(workers)

    @property
    def _under_way(self) -> bool:
        return self._current is not None or bool(self._waiting)

    def look(self, now: float) -> None:
        """Go on when the one of now is ready, and so are those that have to serve meanwhile."""
        if self._current is not None and self._current.ready:
            log.info("instance serves again", extra={"port": self._current.port})
            self._current = None
            self._not_later_than = now + STOP_WITHIN_S + READY_WITHIN_S
        if self._current is None and self._waiting and self._others_serve():
            self._current = self._waiting.popleft()
            self._not_later_than = now + STOP_WITHIN_S + READY_WITHIN_S
            self._current.start_anew()
        elif self._under_way and now > self._not_later_than:
            left = [worker.port for worker in self._waiting]
            log.error("instance not ready again: the others stay as they are", extra={"ports": left})
            self._current, self._waiting = None, deque()

    def _others_serve(self) -> bool:
        """Whether the next may go: one that has died comes back first, or nobody would be left."""
        return all(worker.ready for worker in self._all if worker is not self._waiting[0])


def serve_many(host: str, port: int, workers: int, clock: Clock, secrets: Sequence[str]) -> int:
    """Run them until a signal, or until one cannot be started. Returns the exit status: 0, 1 or 2."""
    logs.configure_logging(sys.stderr, secrets=secrets)
    signals = _count_signals()
    running = [Worker(host, port + no) for no in range(workers)]
    renewal, renewals = Renewal(), 0
    while not _told_to_end(signals) and not any(worker.hopeless for worker in running):
        time.sleep(LOOK_EVERY_S)
        for worker in running:
            worker.look(clock.monotonic())
        if signals[signal.SIGHUP] > renewals:
            renewals = signals[signal.SIGHUP]
            renewal.begin(running, clock.monotonic())
        renewal.look(clock.monotonic())
    log.info("stopping the instances", extra={"count": workers})
    hopeless = [worker.status for worker in running if worker.hopeless]
    _end(running, signals)
    if hopeless:
        return WRONG_CONFIGURATION if WRONG_CONFIGURATION in hopeless else 1
    return 0 if all(worker.status == 0 for worker in running) else 1


def _end(workers: Sequence[Worker], signals: Counter[int]) -> None:
    """Ask all to end and wait; a further signal is passed on."""
    for worker in workers:
        worker.end()
    told = _told_to_end(signals)
    while any(worker.status is None for worker in workers):
        time.sleep(LOOK_EVERY_S)
        if _told_to_end(signals) > told:
            told = _told_to_end(signals)
            for worker in workers:
                worker.end()


def _told_to_end(signals: Counter[int]) -> int:
    """How often."""
    return signals[signal.SIGTERM] + signals[signal.SIGINT]


def _count_signals() -> Counter[int]:
    """Take SIGTERM, SIGINT and SIGHUP from now on; how many there were of each."""
    count: Counter[int] = Counter()

    def note(sig: int, frame: FrameType | None) -> None:
        count[sig] += 1

    for taken in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(taken, note)
    return count
