"""A file that is there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from callrouter.errors import CallrouterError, ConfigurationError, Mistake


@contextmanager
def whole_file(name: str, option: str) -> Iterator[TextIO]:
    """A text to be written beside the file, which takes its place at the end; only its owner may read it.

    What was there before stays when the block fails. Raises `ConfigurationError` when there can be no such file, and
    `CallrouterError` when it cannot be written.
    """
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise ConfigurationError([Mistake("command line", option, f"{name} is no file; name one, or leave it out")])
    if not path.parent.is_dir():
        raise ConfigurationError([Mistake("command line", option, f"there is no folder {path.parent}; make it first")])
    unfinished: str | None = None
    try:
        handle, unfinished = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
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
