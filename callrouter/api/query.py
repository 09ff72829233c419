"""Query parameters, read one by one, with every mistake at the end."""

import difflib
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import TypeVar

from starlette.requests import Request

from callrouter.api.problems import wrong_keys

T = TypeVar("T")


class Query:
    """The parameters of one request: `take` each that is known, then `close`."""

    def __init__(self, request: Request) -> None:
        self._pairs = request.query_params.multi_items()
        self._known: list[str] = []
        self._wrong: list[tuple[str, str]] = []

    def take(self, name: str, read: Callable[[str], T]) -> T | None:
        """The parameter as ``read`` has it (its `ValueError` is the remedy), ``None`` when it is not there."""
        self._known.append(name)
        values = [value for key, value in self._pairs if key == name]
        if len(values) > 1:
            self._wrong.append((name, "give it once"))
        if not values:
            return None
        try:
            return read(values[0].strip())
        except ValueError as error:
            self._wrong.append((name, str(error)))
            return None

    def close(self) -> None:
        """Raises `Problem` 422 for what was wrong, and for parameters that nobody took."""
        for name in dict.fromkeys(key for key, _ in self._pairs if key not in self._known):
            near = difflib.get_close_matches(name, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._known)}"
            self._wrong.append((name[:40], f"unknown; {hint}"))
        if self._wrong:
            raise wrong_keys(self._wrong)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return text

    return read


def moment(text: str) -> float:
    """Reads an RFC 3339 time, or a date, which is its midnight in UTC; epoch seconds."""
    try:
        # A plus sign that was not escaped arrives as a space.
        at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        if at.tzinfo is None and (at.time() != time.min or "T" in text):
            raise ValueError
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("write a time such as 2026-11-21T02:25:00Z, or a date such as 2026-11-21") from None
