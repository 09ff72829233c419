"""What stands in the ledger for a number after its plan's retention: ``#`` and a keyed hash.

The same number has the same hash, so a person's calls stay together, and a statement's rows find theirs; without the
key nobody can try out all numbers.
"""

import base64
import fcntl
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callrouter.errors import LedgerUnavailable

MARK = "#"
FILE = "number.key"
MIN_KEY_LENGTH = 32
_HASH_BYTES = 16


def hash_of(key: bytes, phone: str) -> str:
    """``#`` and 128 bits of HMAC-SHA256, in base32: 27 characters. Pure."""
    digest = hmac.digest(key, phone.encode(), hashlib.sha256)[:_HASH_BYTES]
    return MARK + base64.b32encode(digest).decode().rstrip("=").lower()


class NumberHash:
    """Hashes by ``CALLROUTER_NUMBER_KEY``, or else by a key of our own that is made when it is first needed.

    Every method raises `LedgerUnavailable` when the key's file cannot be read or made.
    """

    def __init__(self, key: str | None, folder: Path) -> None:
        self._key = key.encode() if key else None
        self._path = folder / FILE

    def __call__(self, phone: str) -> str:
        """The hash of an E.164 number."""
        if self._key is None:
            self._key = _read(self._path) or _make(self._path)
        return hash_of(self._key, phone)

    def if_known(self, phone: str) -> str | None:
        """The hash; ``None`` while there is no key, and so no row that could have it."""
        if self._key is None:
            self._key = _read(self._path)
        return None if self._key is None else hash_of(self._key, phone)

    def names_of(self, phone: str) -> tuple[str, ...]:
        """What may stand in a row of this person: the number, or its hash."""
        hashed = self.if_known(phone)
        return (phone,) if hashed is None else (phone, hashed)


def _read(path: Path) -> bytes | None:
    try:
        key = path.read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerUnavailable(f"{FILE} in the data folder cannot be read; mend its permissions") from error
    if len(key) < MIN_KEY_LENGTH:
        raise LedgerUnavailable(f"{FILE} in the data folder is damaged; put it back from a back-up")
    return key.encode()


def _make(path: Path) -> bytes:
    """One key for all processes of the folder: whoever comes first makes it."""
    try:
        with _locked(path):
            return _read(path) or _written(path, secrets.token_urlsafe(MIN_KEY_LENGTH))
    except OSError as error:
        raise LedgerUnavailable(f"{FILE} cannot be made in the data folder; mend its permissions") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _written(path: Path, key: str) -> bytes:
    handle, name = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(key + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # rows with hashes must not outlive their key
    finally:
        os.close(folder)
    return key.encode()
