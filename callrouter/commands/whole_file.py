"""A file that is there whole or not at all."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from callrouter.errors import CallrouterError, ConfigurationError, Mistake


@contextmanager
def whole_file(name: str, option: str) -> Iterator[TextIO]:
    """A text to be written beside the file, which takes its place at the end; only its owner may read it.

    What was there before stays when the block fails, and when the process is told to end. Raises `ConfigurationError`
    when there can be no such file, and `CallrouterError` when it cannot be written.
    """
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise ConfigurationError([Mistake("command line", option, f"{name} is no file; name one, or leave it out")])
    if not path.parent.is_dir():
        raise ConfigurationError([Mistake("command line", option, f"there is no folder {path.parent}; make it first")])
    unfinished: str | None = None
    try:
        handle, unfinished = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with _told_to_end(), os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(unfinished, path)
        unfinished = None
    except OSError as error:
        raise CallrouterError(f"{option}: {name} cannot be written: {error.strerror or error}") from error
    finally:
        if unfinished is not None:
            Path(unfinished).unlink(missing_ok=True)


@contextmanager
def _told_to_end() -> Iterator[None]:
    """SIGTERM ends the process by way of the blocks that it is in: none leaves half a file, with people in it."""
    mine = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if mine:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
