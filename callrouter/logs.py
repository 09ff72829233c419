"""Logs: JSON lines for machines, short lines on a terminal; no personal data and no secrets in either."""

import json
import logging
import re
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TextIO

from callrouter.domain.clock import rfc3339

call_id: ContextVar[str | None] = ContextVar("call_id", default=None)
"""The carrier's id of the call that the running task works for; every line that it logs carries it."""

MASK = "***"
MIN_SECRET_LENGTH = 6
"""Shorter configured secrets are not searched for: they would mask ordinary words."""

_ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None] | None

_OWN_FIELDS = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # the server's own, for its own formatter
}
_EXACT_FIELDS = frozenset({"time", "level", "logger", "message", "call_id"})

# A telephone number: + and 8 to 15 digits, ten digits in the American groups, or 10 to 15 digits in a row.
# What stands before it must be no letter or digit: a call's id is a word with runs of digits in it.
_PHONE = re.compile(
    r"(?<![0-9A-Za-z.])(?:"
    r"(?:\+|%2[Bb])\d(?:[\s().-]{0,2}\d){7,14}"
    r"|(?:1[\s.-]?)?\(?\d{3}\)?[\s.-]?\d{3}[\s.-]?\d{4}"
    r"|\d{10,15}"
    r")(?![0-9A-Za-z])"
)


class Redaction(logging.Filter):
    """The last defence: masks telephone numbers and known secrets in the message, the fields and tracebacks.

    The first defence is that messages are constants and fields are chosen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets: re.Pattern[str] | None = None
        self._known: frozenset[str] = frozenset()
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, as well as those that were named before."""
        self._known |= {secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH}
        longest_first = sorted(self._known, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; it is always kept."""
        record.msg = self.text(_message(record))
        record.args = None
        if record.exc_info:
            record.exc_text = self.text(_traceback(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self.text(record.stack_info)
        for name, value in _extra(record):
            setattr(record, name, self.value(value))
        record.call_id = getattr(record, "call_id", None) or call_id.get()
        return True

    def text(self, text: str) -> str:
        """``text`` masked."""
        if self._secrets is not None:
            text = self._secrets.sub(MASK, text)
        return _PHONE.sub(MASK, text)

    def value(self, value: object) -> object:
        """A field's value masked, as something that JSON can hold. Numbers short of a telephone's stay."""
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if abs(value) < 10**9 else self.text(str(value))
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(str(value))


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, call_id, then the record's fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (call := getattr(record, "call_id", None)) is not None:
            line["call_id"] = call
        for name, value in _extra(record):
            line[f"{name}_" if name in _EXACT_FIELDS else name] = value
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, ensure_ascii=False, default=str)


class ShortLines(logging.Formatter):
    """For a terminal: ``12:00:00 warning auction: buyer unhealthy buyer=acme``."""

    def format(self, record: logging.LogRecord) -> str:
        time = (rfc3339(record.created) or "")[11:19]
        parts = [
            time,
            record.levelname.lower(),
            f"{record.name.removeprefix('callrouter.')}: {record.getMessage()}",
        ]
        if (call := getattr(record, "call_id", None)) is not None:
            parts.append(f"call={call}")
        parts += [f"{name}={value}" for name, value in _extra(record)]
        ends = [text for text in (record.exc_text, record.stack_info) if text]
        return "\n".join([" ".join(parts), *ends])


def configure_logging(stream: TextIO, level: str = "INFO", secrets: Iterable[str] = ()) -> Redaction:
    """Send every log line of the process to ``stream``; the filter that it returns can `hide` further secrets.

    The server's access log is off: its lines hold paths, and paths hold telephone numbers.
    """
    redaction = Redaction(secrets)
    handler = logging.StreamHandler(stream)
    handler.addFilter(redaction)
    handler.setFormatter(ShortLines() if stream.isatty() else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)  # it tells of starts and stops, and so do we, with fields
    access = logging.getLogger("uvicorn.access")
    access.propagate = False
    access.disabled = True
    for chatty in ("aiohttp.access", "asyncio", "twilio", "alembic", "sqlalchemy", "aiosqlite"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    return redaction


def _extra(record: logging.LogRecord) -> list[tuple[str, object]]:
    fields = vars(record).items()
    return [(name, value) for name, value in fields if name not in _OWN_FIELDS and name != "call_id"]


def _message(record: logging.LogRecord) -> str:
    """The message, also when its arguments do not fit it: a log line must never raise."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return str(record.msg)


def _traceback(exc_info: _ExcInfo) -> str:
    if exc_info is None or exc_info[0] is None:
        return ""
    return logging.Formatter().formatException(exc_info)  # type: ignore[arg-type]
