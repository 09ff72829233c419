"""Every address that Twilio is given. Absolute, so that they hold in pushed documents too."""

from dataclasses import dataclass

from callrouter.carrier.twilio.audio import HOLD, SHORT_HOLD, Sound

OVERRIDES = "#rc=2&rp=ct,rt,5xx&ct=800&rt=4000&tt=12000"
"""Connection overrides: without them Twilio retries nothing but a failed TCP or TLS connect, once
(twilio.com/docs/usage/webhooks/webhooks-connection-overrides). Cut from what is signed."""


@dataclass(frozen=True)
class Urls:
    """Addresses under one public URL (no trailing slash)."""

    public_url: str

    def zip(self, try_no: int) -> str:
        """Where the zip that the caller enters is sent."""
        return f"{self.public_url}/twilio/zip/{try_no}{OVERRIDES}"

    def hold(self, auction_no: int, segment: int) -> str:
        """Where the caller comes back after a hold segment."""
        return f"{self.public_url}/twilio/hold/{auction_no}/{segment}{OVERRIDES}"

    def dial(self, attempt_no: int) -> str:
        """Where the end of a dial is reported."""
        return f"{self.public_url}/twilio/dial/{attempt_no}{OVERRIDES}"

    def leg(self, attempt_no: int) -> str:
        """Where the buyer's leg reports its progress."""
        return f"{self.public_url}/twilio/leg/{attempt_no}"

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
