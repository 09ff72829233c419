"""The hold tone, made here: 8 kHz µ-law WAV, which Twilio plays without transcoding.

Two soft notes that swell and fade, then a rest, so that a caller hears that the line lives.
"""

import hashlib
import math
import struct
from dataclasses import dataclass

RATE_HZ = 8_000
_BIAS, _CLIP = 0x84, 32_635


@dataclass(frozen=True)
class Sound:
    """A sound file and the name under which it is served."""

    title: str
    duration_s: float
    wav: bytes

    @property
    def file_name(self) -> str:
        """``<title>.<hash of the content>.wav``."""
        return f"{self.title}.{self.digest}.wav"

    @property
    def digest(self) -> str:
        """Short hash of the content; also the ETag."""
        return hashlib.sha256(self.wav).hexdigest()[:12]


def mu_law(sample: int) -> int:
    """One 16-bit sample as a µ-law byte (ITU-T G.711)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | (exponent << 4) | mantissa) & 0xFF


def tone_wav(duration_s: float, notes: tuple[tuple[float, float, float], ...]) -> bytes:
    """A WAV of ``notes`` (start s, length s, frequency Hz) over silence, each swelling and fading as a sine does."""
    data = bytearray([mu_law(0)]) * int(duration_s * RATE_HZ)
    for start_s, length_s, frequency_hz in notes:
        first, count = int(start_s * RATE_HZ), int(length_s * RATE_HZ)
        for i in range(count):
            swell = math.sin(math.pi * i / count) ** 2
            wave = math.sin(math.tau * frequency_hz * i / RATE_HZ)
            data[first + i] = mu_law(int(5_000 * swell * wave))
    header = struct.pack("<HHIIHHH", 7, 1, RATE_HZ, RATE_HZ, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(header)) + header
    chunks += b"fact" + struct.pack("<II", 4, len(data))
    chunks += b"data" + struct.pack("<I", len(data)) + bytes(data)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


HOLD = Sound(
    "hold-4s",
    4.0,
    tone_wav(4.0, ((0.0, 0.9, 440.0), (0.9, 1.1, 554.4), (2.2, 0.9, 440.0), (3.1, 0.9, 369.99))),
)
SHORT_HOLD = Sound("hold-1s", 1.0, tone_wav(1.0, ((0.0, 0.95, 440.0),)))
SOUNDS = {sound.file_name: sound for sound in (HOLD, SHORT_HOLD)}
