"""Audio that documents play: fetched by GET, cached by ETag, as long as its header says."""

import asyncio
import random
import re
from dataclasses import dataclass

import aiohttp
from yarl import URL

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier.records import MediaRecord
from callrouter.simulator.carrier.scripts import CarrierTimings
from callrouter.simulator.carrier.webhooks import HostMap, Webhooks

_FETCH_S = 15.0


class NotAudio(Exception):
    """The URL gave nothing that can be played."""


@dataclass(frozen=True)
class _Cached:
    length_s: float
    etag: str | None
    fresh_until: float


def wav_length_s(body: bytes) -> float:
    """Seconds that a WAV file plays, by its header. Raises `NotAudio`."""
    if body[:4] != b"RIFF" or body[8:12] != b"WAVE":
        raise NotAudio("not a WAV file")
    at, bytes_a_second = 12, 0
    while at + 8 <= len(body):
        name, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8], "little")
        if name == b"fmt ":
            bytes_a_second = int.from_bytes(body[at + 16 : at + 20], "little")
        if name == b"data":
            if bytes_a_second == 0:
                break
            return min(size, len(body) - at - 8) / bytes_a_second
        at += 8 + size + size % 2
    raise NotAudio("a WAV file without format or data")


class Media:
    """The carrier's media cache, shared by all of its calls."""

    def __init__(
        self, clock: Clock, rng: random.Random, timings: CarrierTimings, hosts: HostMap, webhooks: Webhooks
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._timings = timings
        self._hosts = hosts
        self._webhooks = webhooks
        self._cache: dict[str, _Cached] = {}
        self.records: list[MediaRecord] = []

    async def length_s(self, url: str) -> float:
        """How long the audio plays; takes a round trip unless it is cached. Raises `NotAudio`."""
        cached = self._cache.get(url)
        if cached and self._clock.now() < cached.fresh_until:
            return cached.length_s
        record = MediaRecord(url, self._clock.now())
        self.records.append(record)
        try:
            async with asyncio.timeout(_FETCH_S):
                record.length_s = await self._fetch(url, cached, record)
        except NotAudio as error:
            record.error = str(error)
            raise
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            record.error = type(error).__name__
            raise NotAudio("cannot be fetched") from error
        return record.length_s

    async def _fetch(self, url: str, cached: _Cached | None, record: MediaRecord) -> float:
        await asyncio.sleep(self._rng.uniform(*self._timings.webhook_one_way_s))
        headers = {"User-Agent": "TwilioProxy/1.1"}
        if cached and cached.etag:
            headers["If-None-Match"] = cached.etag
        async with self._webhooks.session.get(URL(self._hosts.real(url), encoded=True), headers=headers) as response:
            record.status = response.status
            body = await response.read()
            control, etag = response.headers.get("Cache-Control", ""), response.headers.get("ETag")
        await asyncio.sleep(self._rng.uniform(*self._timings.webhook_one_way_s))
        if response.status == 304 and cached:
            length_s, etag = cached.length_s, etag or cached.etag
        elif response.status == 200:
            length_s = wav_length_s(body)
        else:
            raise NotAudio(f"status {response.status}")
        age = re.search(r"max-age=(\d+)", control)
        self._cache[url] = _Cached(length_s, etag, self._clock.now() + (int(age[1]) if age else 0))
        return length_s
