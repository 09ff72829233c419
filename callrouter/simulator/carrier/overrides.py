"""Connection overrides in a URL's fragment: how often and how patiently a request is sent."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urldefrag

_CLASSES = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True)
class Delivery:
    """A URL without its fragment, and the rules for requesting it. Times in seconds."""

    url: str
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 15.0


def delivery_of(url: str) -> Delivery:
    """Read ``rc``, ``rp``, ``ct``, ``rt`` and ``tt`` (ms), held to the carrier's ranges."""
    bare, fragment = urldefrag(url)
    given = {key: values[-1] for key, values in parse_qs(fragment).items()}

    def number(key: str, default: int, least: int, most: int) -> int:
        raw = given.get(key, "")
        return min(max(int(raw), least), most) if raw.isdigit() else default

    policy = frozenset(given.get("rp", "ct").split(","))
    return Delivery(
        url=bare,
        retries=number("rc", 1, 0, 5),
        retry_on=_CLASSES if "all" in policy else policy & _CLASSES,
        connect_s=number("ct", 5000, 100, 10_000) / 1000,
        read_s=number("rt", 15_000, 100, 15_000) / 1000,
        total_s=number("tt", 15_000, 100, 15_000) / 1000,
    )
