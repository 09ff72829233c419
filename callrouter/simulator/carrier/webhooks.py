"""Requests to the product: signed, retried and given up on by the carrier's rules."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import aiohttp
from yarl import URL

from callrouter.domain.clock import Clock
from callrouter.simulator.background import Background
from callrouter.simulator.carrier.overrides import Delivery, delivery_of
from callrouter.simulator.carrier.records import WebhookKind, WebhookRecord
from callrouter.simulator.carrier.scripts import CarrierFaults, CarrierTimings
from callrouter.simulator.carrier.signature import sign

MAX_REDIRECTS = 10


class WebhookFailed(Exception):
    """No usable reply. ``code`` is the carrier's error code, ``kind`` what a retry policy calls it."""

    def __init__(self, code: str, kind: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.kind = kind


@dataclass(frozen=True)
class Reply:
    """A complete reply with a 2xx status."""

    url: str
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Message:
    """One request to the product, before it is addressed."""

    url: str
    """Public, perhaps with overrides in its fragment."""
    params: Mapping[str, str]
    kind: WebhookKind
    call_sid: str
    method: str = "POST"


class HostMap:
    """Where requests for public URLs really go, as behind a proxy that ends TLS."""

    def __init__(self, bases: Mapping[str, str]) -> None:
        self._bases = bases  # not copied: a test may move the product while calls run

    def real(self, url: str) -> str:
        """The address to connect to."""
        for public, real in self._bases.items():
            public, real = public.rstrip("/"), real.rstrip("/")  # noqa: PLW2901
            if url == public or url.startswith((f"{public}/", f"{public}?")):
                return real + url[len(public) :]
        return url


class Webhooks:
    """Sends every webhook of one carrier and keeps a record of each attempt."""

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        auth_token: str,
        timings: CarrierTimings,
        faults: CarrierFaults,
        hosts: HostMap,
        background: Background,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._auth_token = auth_token
        self._timings = timings
        self._faults = faults
        self._hosts = hosts
        self._background = background
        self._session: aiohttp.ClientSession | None = None
        self.records: list[WebhookRecord] = []

    async def start(self) -> None:
        """Open the HTTP client."""
        # A connection a request: a reused one that the server has closed would look like a read failure.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))

    async def stop(self) -> None:
        """Close the HTTP client."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The open HTTP client."""
        if self._session is None:
            raise RuntimeError("start the carrier first")
        return self._session

    async def ask(self, message: Message) -> Reply:
        """The reply to a request whose answer counts. Raises `WebhookFailed`.

        The request goes on when its asker is cancelled: the carrier cannot take it back either.
        """
        return await asyncio.shield(self._background.spawn(self._ask(message), expected=WebhookFailed))

    def tell(self, message: Message) -> None:
        """Send a status callback beside everything else; nobody waits for it."""
        if self._rng.random() < self._faults.lose_status_share:
            return
        delay = self._rng.uniform(0, self._timings.status_reorder_s) if self._faults.reorder_status else 0.0
        self._background.spawn(self._tell(message, delay))

    async def _tell(self, message: Message, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        rules = delivery_of(message.url)
        once = Delivery(url=rules.url, connect_s=rules.connect_s, read_s=rules.read_s, total_s=rules.total_s)
        copies = [self._deliver(message, once, self._token())]
        if self._faults.duplicate_webhooks:
            copies.append(self._deliver(message, once, self._token(), duplicate=True))
        await asyncio.gather(*copies, return_exceptions=True)

    async def _ask(self, message: Message) -> Reply:
        rules, token = delivery_of(message.url), self._token()
        first = self._background.spawn(self._deliver(message, rules, token), expected=WebhookFailed)
        if not self._faults.duplicate_webhooks:
            return await first
        second = self._background.spawn(self._deliver(message, rules, token, duplicate=True), expected=WebhookFailed)
        done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
        return await (first if first in done else second)

    async def _deliver(self, message: Message, rules: Delivery, token: str, *, duplicate: bool = False) -> Reply:
        if duplicate:
            await asyncio.sleep(self._rng.uniform(0.001, 0.05))
        limit_s = min(rules.total_s, self._timings.webhook_ceiling_s)
        try:
            async with asyncio.timeout(limit_s):
                for attempt_no in range(1, rules.retries + 2):
                    try:
                        return await self._attempt(message, rules, token, attempt_no, duplicate)
                    except WebhookFailed as failure:
                        if attempt_no > rules.retries or failure.kind not in rules.retry_on:
                            raise
        except TimeoutError:
            raise WebhookFailed("11205", "total", f"no reply within {limit_s} s") from None
        raise AssertionError("a delivery has at least one attempt")

    async def _attempt(self, message: Message, rules: Delivery, token: str, attempt_no: int, duplicate: bool) -> Reply:
        url, form, headers = self._addressed(message, rules.url, token)
        record = WebhookRecord(
            kind=message.kind,
            call_sid=message.call_sid,
            method=message.method,
            url=url,
            params=message.params,
            started_at=self._clock.now(),
            attempt_no=attempt_no,
            duplicate=duplicate,
            headers=headers,
        )
        self.records.append(record)
        try:
            return await self._exchange(record, rules, form)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            failure = _failure(error)
            record.error = str(failure)
            raise failure from error
        except WebhookFailed as failure:
            record.error = str(failure)
            raise
        except asyncio.CancelledError:
            record.error = "given up"
            raise
        finally:
            record.ended_at = self._clock.now()

    async def _exchange(self, record: WebhookRecord, rules: Delivery, form: str | None) -> Reply:
        await asyncio.sleep(self._rng.uniform(*self._timings.webhook_one_way_s))
        limits = aiohttp.ClientTimeout(total=None, sock_connect=rules.connect_s, sock_read=rules.read_s)
        async with self.session.request(
            record.method,
            URL(self._hosts.real(record.url), encoded=True),
            data=form,
            headers=record.headers,
            timeout=limits,
            max_redirects=MAX_REDIRECTS,
        ) as response:
            record.status = response.status
            record.content_type = response.headers.get("Content-Type", "")
            record.body = await response.read()
        await asyncio.sleep(self._rng.uniform(*self._timings.webhook_one_way_s))
        if not 200 <= record.status < 300:
            raise WebhookFailed("11200", f"{record.status // 100}xx", f"status {record.status}")
        return Reply(record.url, record.body, record.content_type)

    def _addressed(self, message: Message, url: str, token: str) -> tuple[str, str | None, dict[str, str]]:
        headers = {
            "Host": urlsplit(url).netloc.rpartition("@")[2],
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": token,
        }
        if message.method == "GET":
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(message.params)}"
            return url, None, headers | {"X-Twilio-Signature": sign(self._auth_token, url, {})}
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        headers["X-Twilio-Signature"] = sign(self._auth_token, url, message.params)
        return url, urlencode(message.params), headers

    def _token(self) -> str:
        return f"{self._rng.getrandbits(128):032x}"


def _failure(error: BaseException) -> WebhookFailed:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return WebhookFailed("11205", "ct", "cannot connect")
    if isinstance(error, aiohttp.TooManyRedirects):
        return WebhookFailed("11215", "redirects", "too many redirects")
    if isinstance(error, aiohttp.ClientPayloadError):
        return WebhookFailed("11206", "partial", "the reply broke off")
    return WebhookFailed("11205", "rt", "no reply")
