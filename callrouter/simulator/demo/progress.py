"""What is shown while the calls run: one line that changes on a terminal, otherwise a line now and then."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

EVERY_S = 2.0
"""How often a line is written where lines stay."""
STATES = ("intake", "auction", "open", "dialling", "bridged")


class Progress:
    """Told the list of calls again and again; times are seconds since the first caller."""

    def __init__(self, out: TextIO, total: int, stories: Mapping[str, str]) -> None:
        self._out = out
        self._total = total
        self._stories = stories
        """Story by caller's number."""
        self._live = out.isatty()
        self._next_line_at = 0.0
        self._told: set[str] = set()
        self._width = 0

    def show(self, calls: Sequence[Mapping[str, Any]], placed: int, at_s: float) -> None:
        """How the calls stand now."""
        line = f"{at_s:5.1f} s  {_standing(calls, placed, self._total)}"
        if self._live:
            # Wider than the terminal it would wrap, and the next one could not write over it.
            line = line[: shutil.get_terminal_size().columns - 1]
            self._out.write(f"\r{line.ljust(self._width)}")
            self._width = len(line)
        else:
            self._tell_finished(calls, at_s)
            if at_s >= self._next_line_at:
                self._next_line_at = at_s + EVERY_S
                self._out.write(f"{line}\n")
        self._out.flush()

    def note(self, text: str) -> None:
        """A line that stays."""
        self._out.write(f"\r{text.ljust(self._width)}\n" if self._live else f"{text}\n")
        self._out.flush()

    def close(self) -> None:
        """Nothing more follows."""
        if self._live:
            self._out.write("\n")
            self._out.flush()

    def _tell_finished(self, calls: Sequence[Mapping[str, Any]], at_s: float) -> None:
        for call in reversed(calls):
            if call["outcome"] is not None and call["sid"] not in self._told:
                self._told.add(call["sid"])
                story = self._stories.get(call["from"], "stranger")
                self._out.write(f"{at_s:5.1f} s    {call['from']}  {_ending(call):<44}  ({story})\n")


def _standing(calls: Sequence[Mapping[str, Any]], placed: int, total: int) -> str:
    states = Counter(call["state"] for call in calls if call["outcome"] is None)
    outcomes = Counter(call["outcome"] for call in calls if call["outcome"] is not None)
    now = "  ".join(f"{state} {states[state]:>2}" for state in STATES)
    ended = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    return f"arrived {placed:>{len(str(total))}}/{total}  {now}  ended {sum(outcomes.values()):>2}" + (
        f" ({ended})" if ended else ""
    )


def _ending(call: Mapping[str, Any]) -> str:
    if call["outcome"] == "bridged":
        mark = "qualified" if call["qualified"] else "too short"
        return f"bridged    {call['buyer']} ${call['payout']}, {call['bridged_s']} s, {mark}"
    promised = call["callback"] and call["callback"]["id"]
    return f"{call['outcome']:<9}  {'callback promised' if promised else 'no callback'}"
