"""Every address that Twilio is given. Absolute, so that they hold in pushed documents too."""

from dataclasses import dataclass, replace
from urllib.parse import quote

from callrouter.carrier.twilio.audio import HOLD, SHORT_HOLD, Sound

OVERRIDES = "#rc=2&rp=ct,rt,5xx&ct=800&rt=4000&tt=12000"
"""Connection overrides: without them Twilio retries nothing but a failed TCP or TLS connect, once
(twilio.com/docs/usage/webhooks/webhooks-connection-overrides). Cut from what is signed."""


@dataclass(frozen=True)
class Urls:
    """Addresses under one public URL (no trailing slash)."""

    public_url: str
    call: str = ""
    """The id of the call that the requests are about, where it is not that of the leg; it comes back signed."""

    def of(self, call: str) -> "Urls":
        """The same addresses for requests about this call; an empty id adds nothing."""
        return replace(self, call=call)

    def zip(self, try_no: int) -> str:
        """Where the zip that the caller enters is sent."""
        return self._webhook(f"zip/{try_no}") + OVERRIDES

    def pin(self, try_no: int) -> str:
        """Where a transfer's pin is sent."""
        return self._webhook(f"pin/{try_no}") + OVERRIDES

    def hold(self, auction_no: int, segment: int) -> str:
        """Where the caller comes back after a hold segment."""
        return self._webhook(f"hold/{auction_no}/{segment}") + OVERRIDES

    def dial(self, attempt_no: int) -> str:
        """Where the end of a dial is reported."""
        return self._webhook(f"dial/{attempt_no}") + OVERRIDES

    def leg(self, attempt_no: int) -> str:
        """Where the buyer's leg reports its progress."""
        return self._webhook(f"leg/{attempt_no}") + OVERRIDES

    @property
    def room(self) -> str:
        """Where a room reports who comes and goes."""
        return self._webhook("room") + OVERRIDES

    def party(self, label: str) -> str:
        """Where a leg that we place into a room reports its progress."""
        return self._webhook(f"party/{label}") + OVERRIDES

    def out(self, label: str) -> str:
        """Where a leg that left its room is sent for what comes next."""
        return self._webhook(f"out/{label}") + OVERRIDES

    def music(self, plan: str) -> str:
        """What is heard in a room until it starts, and on hold: this plan's, or ours without one."""
        query = f"?plan={quote(plan, safe='')}" if plan else ""
        return f"{self.public_url}/twilio/music{query}{OVERRIDES}"

    def sound(self, sound: Sound) -> str:
        """A sound file, cacheable for good: its name carries its content's hash."""
        return f"{self.public_url}/audio/{sound.file_name}"

    @property
    def hold_audio(self) -> str:
        """The tone of one full hold segment."""
        return self.sound(HOLD)

    @property
    def short_hold_audio(self) -> str:
        """The tone of one short hold segment."""
        return self.sound(SHORT_HOLD)

    def _webhook(self, path: str) -> str:
        return f"{self.public_url}/twilio/{path}" + (f"?call={self.call}" if self.call else "")
