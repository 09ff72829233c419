"""Watches the whole test run for secrets and telephone numbers where there must be none: logs, exceptions, metrics.

Log lines are looked at before the log's own filter masks anything: that filter is the last defence, not the first.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from callrouter.errors import CallrouterError

SECRETS = (
    "an-auth-token-of-tests",
    "ops-token-of-the-tests",
    "agent-token-of-the-tests",
    "system-token-of-the-tests",
    "lmal-key-of-tests",
    "contactability-token",
    "callconnectleads-key",
    "dialler-key-of-tests",
    "acme-key-of-tests",
    "token-secret-1",
    "key-secret-1",
    "TOKEN-SECRET",
    "KEY-SECRET",
    "PARTNER-SECRET",
    "771f5924706521c7",
    "c65KeXaMpLe_odU5ojoW9x-J9sfJ",
    "the-token-of-contactability",
    "the-key-of-lmal",
    "the-key-of-the-dialler",
    "the-auth-token-of-twilio",
    "the-secret-of-an-api-key-in-tests",
    "the-token-of-an-operator",
    "s3cr3t&key",
    "agent-token-of-the-console",
    "ops-token-of-the-console",
    "system-token-of-the-console",
    "the-password-of-postgresql-in-tests",
    "the-key-of-the-numbers-in-the-tests",
    "number-key-0123456789-0123456789-0123",
)
"""The credentials that tests give the product, but for those too short to be told from other words."""

_OUR_OWN = "888555"
"""Our own numbers are no secret: what is wrong with a dialplan names them."""

_PHONE = re.compile(
    r"(?<![0-9A-Za-z.])(?:\+?1[\s.-]?)?\(?([2-9]\d{2})\)?[\s.-]?([2-9]\d{2})[\s.-]?(\d{4})(?![0-9A-Za-z])"
)


def leaks(text: str) -> list[str]:
    """What must not stand in this text."""
    numbers = ["".join(match.groups()) for match in _PHONE.finditer(text)]
    return [secret for secret in SECRETS if secret in text] + [n for n in numbers if not n.startswith(_OUR_OWN)]


class LeakWatch(logging.Handler):
    """Finds leaks in every record of every logger that it is on, and in what our exceptions say."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        standard = vars(logging.LogRecord("", 0, "", 0, "", (), None))
        fields = {name: value for name, value in vars(record).items() if name not in standard}
        traceback = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.look(f"log {record.name}", f"{record.msg} {record.args} {fields} {traceback}")

    def look(self, where: str, text: str) -> None:
        """Note what leaks in ``text``."""
        self.found += [f"{where}: {leak} in {text[:300]}" for leak in leaks(text)]


@contextmanager
def watching() -> Iterator[LeakWatch]:
    """Watch until the end of the run."""
    watch = LeakWatch()
    ours, told = logging.getLogger("callrouter"), CallrouterError.__init__

    def tell(error: CallrouterError, *args: object) -> None:
        watch.look(type(error).__name__, str(args))
        told(error, *args)

    ours.addHandler(watch)
    CallrouterError.__init__ = tell  # type: ignore[method-assign,assignment]
    try:
        yield watch
    finally:
        CallrouterError.__init__ = told  # type: ignore[method-assign]
        ours.removeHandler(watch)
