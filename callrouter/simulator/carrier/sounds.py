"""What the caller hears, second by second."""

from collections.abc import Callable

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier.records import Sound, SoundKind

_TOO_SHORT_S = 1e-6


class Hearing:
    """One unbroken line of sounds from the caller's first ringback to the end of the call."""

    def __init__(self, clock: Clock, on_sound: Callable[[SoundKind], None]) -> None:
        self._clock = clock
        self._on_sound = on_sound
        self._past: list[Sound] = []
        self._kind: SoundKind = "ringback"
        self._detail = ""
        self._since = clock.now()
        self._over = False

    def hear(self, kind: SoundKind, detail: str = "") -> None:
        """From now on the caller hears this."""
        if self._over or (kind, detail) == (self._kind, self._detail):
            return
        self._close()
        self._kind, self._detail, self._since = kind, detail, self._clock.now()
        self._on_sound(kind)

    def stop(self) -> None:
        """The call is over."""
        if not self._over:
            self._close()
            self._over = True

    def heard(self) -> list[Sound]:
        """Everything so far, the present sound included."""
        if self._over:
            return list(self._past)
        return [*self._past, Sound(self._kind, self._since, self._clock.now(), self._detail)]

    def _close(self) -> None:
        now = self._clock.now()
        if now - self._since > _TOO_SHORT_S:
            self._past.append(Sound(self._kind, self._since, now, self._detail))


def longest_silence_s(sounds: list[Sound]) -> float:
    """The longest unbroken silence; silences that touch count as one."""
    longest = current = 0.0
    for sound in sounds:
        current = current + sound.length_s if sound.kind == "silence" else 0.0
        longest = max(longest, current)
    return longest
