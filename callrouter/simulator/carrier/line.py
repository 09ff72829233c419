"""The caller's leg: its state, what the caller hears and what the caller does."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from callrouter.simulator.carrier.records import CallState, DialRecord, Sound, SoundKind, WebhookKind
from callrouter.simulator.carrier.scripts import CallerScript, NumberConfig
from callrouter.simulator.carrier.sounds import Hearing, longest_silence_s
from callrouter.simulator.carrier.switch import API_VERSION, LegView, Switch, merged, whole_s
from callrouter.simulator.carrier.twiml import Document

LIVE: frozenset[str] = frozenset({"queued", "ringing", "in-progress"})

Direction = Literal["inbound", "outbound-api"]


@dataclass(frozen=True)
class Fetch:
    """Where the next document comes from."""

    url: str
    params: Mapping[str, str]
    kind: WebhookKind
    method: str = "POST"


@dataclass(frozen=True)
class Pushed:
    """The REST side replaces what the call is doing."""

    work: Fetch | Document


@dataclass(frozen=True)
class Ended:
    """Somebody ends the call: ``caller``, ``phone`` or ``rest``."""

    by: str


class Line:
    """One person on the line: a caller, or (``outbound-api``) somebody whom the carrier was asked to call."""

    def __init__(
        self, switch: Switch, script: CallerScript, config: NumberConfig, direction: Direction = "inbound"
    ) -> None:
        self._switch = switch
        self._sounds = Hearing(switch.clock, self._on_sound)
        self._armed = False
        self._asks = 0
        self._changes: asyncio.Queue[Pushed | Ended] = asyncio.Queue()
        self.script = script
        self.config = config
        self.direction = direction
        self.sid = switch.new_sid()
        self.state: CallState = "ringing"
        self.started_at = switch.clock.now()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.ended_by = ""
        self.dials: list[DialRecord] = []
        switch.parties[self.sid] = self
        if direction == "inbound":
            switch.tokens[self.call_token] = script.from_

    # --- what tests and summaries read

    @property
    def heard(self) -> list[Sound]:
        """What the caller heard, in order and without gaps."""
        return self._sounds.heard()

    @property
    def bridged(self) -> bool:
        """Whether the caller spoke with any buyer."""
        return any(dial.bridged for dial in self.dials)

    @property
    def number(self) -> str:
        """The person's own number."""
        return self.script.from_ if self.direction == "inbound" else self.script.to

    @property
    def live(self) -> bool:
        """Whether the person is still there, or still to be called."""
        return self.state in LIVE

    @property
    def call_token(self) -> str:
        """What proves that a further leg may show this caller's number."""
        return f"CT{hashlib.sha256(self.sid.encode()).hexdigest()}"

    def longest_silence_s(self) -> float:
        """The longest unbroken silence after the call was answered."""
        return longest_silence_s(self.heard)

    def view(self) -> LegView:
        """How the leg stands, for the REST side."""
        return LegView(
            sid=self.sid, parent_sid=None, from_=self.script.from_, to=self.script.to, status=self.state,
            direction=self.direction, started_at=self.started_at, ended_at=self.ended_at,
            duration_s=None if self.ended_at is None else whole_s(self.answered_at, self.ended_at),
        )  # fmt: skip

    # --- what happens to the call

    @property
    def answered(self) -> bool:
        """Whether something has answered the call."""
        return self.answered_at is not None

    def answer(self) -> None:
        """The call is in progress from now on."""
        if not self.answered:
            self.answered_at = self._switch.clock.now()
            self.state = "in-progress"
            self._sounds.hear("silence", "answered")

    def hear(self, kind: SoundKind, detail: str = "") -> None:
        """What the caller hears from now on. Before the answer that is ringback, whatever happens."""
        if self.answered:
            self._sounds.hear(kind, detail)

    def hang_up(self, by: str = "caller") -> None:
        """End the call from outside its document."""
        self._changes.put_nowait(Ended(by))

    def complete(self) -> None:
        """The REST side ends the call."""
        self.hang_up("rest")

    def push(self, work: Fetch | Document) -> None:
        """The REST side replaces what the call is doing; without effect unless it is in progress."""
        if self.state == "in-progress":
            self._changes.put_nowait(Pushed(work))

    def joined(self) -> None:
        """The person is in a conference now."""
        self.happened("joined")

    def happened(self, when: str) -> None:
        """Something happened that the caller may hang up after."""
        plan = self.script.hang_up
        if plan is not None and plan.when == when and not self._armed:
            self._armed = True
            self._switch.background.spawn(self._hang_up_later(plan.after_s))

    def next_entry(self, inputs: frozenset[str]) -> tuple[str, str] | None:
        """What the caller enters at this ask: (``dtmf`` or ``speech``, the text), or nothing."""
        self._asks += 1
        script = self.script
        digits = script.wrong_first if self._asks == 1 and script.wrong_first is not None else script.zip_digits
        if script.zip_speech is not None and (self._asks > 1 or script.wrong_first is None):
            return ("speech", script.zip_speech) if "speech" in inputs else None
        return ("dtmf", digits) if digits and "dtmf" in inputs else None

    def params(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The parameters of a request about this call, as it stands now."""
        script = self.script
        usual = {
            "CallSid": self.sid,
            "AccountSid": self._switch.account_sid,
            "From": script.from_,
            "To": script.to,
            "CallStatus": self.state,
            "Direction": self.direction,
            "ApiVersion": API_VERSION,
            "Caller": script.from_,
            "Called": script.to,
        }
        if self.direction == "inbound":
            usual |= {"StirVerstat": "TN-Validation-Passed-A", "CallToken": self.call_token}
        for side in ("From", "Caller", "To", "Called"):
            usual |= {f"{side}City": "", f"{side}State": "", f"{side}Country": "US"}
        if script.from_zip is not None:
            usual |= {"FromZip": script.from_zip, "CallerZip": script.from_zip}
        return merged(merged(usual, extra), script.extra)

    async def _hang_up_later(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.hang_up("caller")

    def _on_sound(self, kind: SoundKind) -> None:
        if kind == "hold":
            self.happened("on_hold")
