"""The lead templates that dialplans name: files beside them, read with them and watched with them."""

from pathlib import Path

MAX_BYTES = 262_144

Signature = tuple[int, int, int]
"""What changes when a file does: its modification time (ns), size and inode."""
NO_FILE: Signature = (0, 0, 0)


class UnreadableTemplate(Exception):
    """There is no text to be had; the message is what to do about it."""


def signature(path: Path) -> Signature:
    """The file's signature, `NO_FILE` when it cannot be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return NO_FILE
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


class Beside:
    """The files beside one dialplan, while it is read. ``seen`` are those asked for, as they were before that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seen: dict[str, Signature] = {}

    def read(self, name: str) -> str:
        """The text of the file of this name (it has no folder in it). Blocking. Raises `UnreadableTemplate`."""
        path = self._folder / name
        self.seen.setdefault(name, signature(path))
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise UnreadableTemplate(f"there is no {name} beside the dialplan; write it") from None
        except OSError as error:
            raise UnreadableTemplate(f"make {name} readable: {error.strerror}") from None
        if len(raw) > MAX_BYTES:
            raise UnreadableTemplate(f"{name} is longer than {MAX_BYTES} bytes; shorten it")
        try:
            text = raw.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise UnreadableTemplate(f"save {name} as UTF-8 (byte {error.start} is not)") from None
        if not text.strip():
            raise UnreadableTemplate(f"{name} is empty; write the lead's XML")
        return text
