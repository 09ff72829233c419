"""What we ask of Twilio: push a document to a live call, look calls up, and, in ``rooms``, see to conferences.

The ``twilio`` package builds and reads the requests; they travel over the application's own HTTP session, because
the package's asynchronous client has no timeout at all (9.13.0). It is imported on first use.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from callrouter.carrier.seam import Capabilities, Command, Leg, LegStatus, Order, Ordered, PushResult, Room
from callrouter.carrier.twilio import rooms
from callrouter.carrier.twilio.events import BadWebhook, leg_status
from callrouter.carrier.twilio.twiml import PUSH_LIMIT, render
from callrouter.carrier.twilio.urls import Urls
from callrouter.dialplan import Plan
from callrouter.errors import CarrierUnavailable

T = TypeVar("T")

PUSH_TIMEOUT_S = rooms.UPDATE_TIMEOUT_S
LOOK_UP_TIMEOUT_S = 4.0
OWN_ID = "TR"
"""How the ids of calls begin that are not the carrier's."""
RECENT_LIMIT = 2_000

log = logging.getLogger("callrouter.carrier")


class TwilioCarrier:
    """The REST side of the seam."""

    capabilities = Capabilities(timeout_buffer_s=5, min_ring_s=5)

    def __init__(
        self,
        session: aiohttp.ClientSession,
        account_sid: str,
        auth_token: str,
        api_url: str,
        urls: Urls,
        plan_of: Callable[[str], Plan | None],
    ) -> None:
        self._session = session
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._api_url = api_url.rstrip("/")
        self._urls = urls
        self._plan_of = plan_of
        self._client: Any = None

    async def push(self, line: str, plan: str, command: Command, sid: str = "") -> PushResult:
        """Replace what the live leg ``line`` of the call ``sid`` is doing. Never raises."""
        from twilio.base.exceptions import TwilioException, TwilioRestException

        document = render(command, self._plan_of(plan), self._urls_of(sid))
        if len(document) > PUSH_LIMIT:
            log.error("document too long to push; the poll answers", extra={"characters": len(document)})
            return PushResult.UNKNOWN
        try:
            async with asyncio.timeout(PUSH_TIMEOUT_S):
                await self._twilio().calls(line).update_async(twiml=document)
            return PushResult.DONE
        except TwilioRestException as error:
            gone = error.code in rooms.GONE or error.status == 404
            log.info("push refused", extra={"code": error.code, "status": error.status})
            return PushResult.NOT_LIVE if gone else PushResult.UNKNOWN
        except (TimeoutError, aiohttp.ClientError, OSError, TwilioException, ValueError) as error:
            log.warning("push failed; the poll answers", extra={"why": type(error).__name__})
            return PushResult.UNKNOWN

    async def carry_out(self, order: Order, sid: str, plan: str) -> Ordered:
        """Do something with the room of the call ``sid``. Never raises."""
        return await rooms.carry_out(self._twilio(), order, self._plan_of(plan), self._urls_of(sid))

    async def room(self, name: str) -> Room | None:
        """The live room of this name. Legs that only ring are not in it yet."""
        return await self._asked(lambda: rooms.live_room(self._twilio(), name), missing=None)

    async def look_up(self, sid: str) -> Leg | None:
        """The caller's leg, or ``None`` when Twilio does not know it."""

        async def fetch() -> Leg | None:
            return _leg(await self._twilio().calls(sid).fetch_async())

        return await self._asked(fetch, missing=None)

    async def legs_of(self, sid: str) -> tuple[Leg, ...]:
        """The legs dialled for this caller, oldest first."""

        async def fetch() -> tuple[Leg, ...]:
            found = await self._twilio().calls.list_async(parent_call_sid=sid, limit=50)
            return tuple(sorted((_leg(call) for call in found), key=lambda leg: leg.started_at or 0.0))

        return await self._asked(fetch, missing=())

    async def recent_calls(self, since: float) -> tuple[Leg, ...]:
        """Calls that came in after ``since``."""

        async def fetch() -> tuple[Leg, ...]:
            after = datetime.fromtimestamp(since, UTC)
            found = await self._twilio().calls.list_async(start_time_after=after, limit=RECENT_LIMIT, page_size=1000)
            return tuple(_leg(call) for call in found if str(call.direction) == "inbound")

        return await self._asked(fetch, missing=())

    async def _asked(self, call: Callable[[], Awaitable[T]], missing: T) -> T:
        from twilio.base.exceptions import TwilioException, TwilioRestException

        try:
            async with asyncio.timeout(LOOK_UP_TIMEOUT_S):
                return await call()
        except TwilioRestException as error:
            if error.status == 404:
                return missing
            raise CarrierUnavailable(f"the carrier answered {error.status} ({error.code})") from None
        except (TimeoutError, aiohttp.ClientError, OSError, TwilioException, BadWebhook, ValueError) as error:
            raise CarrierUnavailable(f"the carrier could not be asked: {type(error).__name__}") from None

    def _urls_of(self, sid: str) -> Urls:
        return self._urls.of(sid if sid.startswith(OWN_ID) else "")

    def _twilio(self) -> Any:
        if self._client is None:
            self._client = _client(self._session, self._account_sid, self._auth_token, self._api_url)
        return self._client


def _client(session: aiohttp.ClientSession, account_sid: str, auth_token: str, api_url: str) -> Any:
    from twilio.http import AsyncHttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    class OurTransport(AsyncHttpClient):  # type: ignore[misc]
        """The package's requests over our session, to our base address, whatever TWILIO_EDGE says."""

        def __init__(self) -> None:
            super().__init__(logging.getLogger("callrouter.carrier.rest"), True, LOOK_UP_TIMEOUT_S)

        async def request(
            self,
            method: str,
            url: str,
            params: Mapping[str, object] | None = None,
            data: Mapping[str, object] | None = None,
            headers: Mapping[str, str] | None = None,
            auth: tuple[str, str] | None = None,
            timeout: float | None = None,
            allow_redirects: bool = False,
        ) -> Any:
            sent = dict(headers or {})
            if auth is not None:
                sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
            async with session.request(
                method,
                _rebased(url, api_url),
                params=_texts(params),
                data=_texts(data),
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=timeout or LOOK_UP_TIMEOUT_S),
                allow_redirects=False,
            ) as response:
                return Response(response.status, await response.text(), response.headers)

    return Client(account_sid, auth_token, http_client=OurTransport())


def _rebased(url: str, api_url: str) -> str:
    base, wanted = urlsplit(api_url), urlsplit(url)
    return urlunsplit((base.scheme, base.netloc, base.path.rstrip("/") + wanted.path, wanted.query, ""))


def _texts(values: Mapping[str, object] | None) -> list[tuple[str, str]] | None:
    """Form pairs; a list becomes a repeated name, as Twilio wants it."""
    if values is None:
        return None
    pairs: list[tuple[str, str]] = []
    for name, value in values.items():
        each = value if isinstance(value, list | tuple) else [value]
        pairs += [(name, item.isoformat() if isinstance(item, datetime) else str(item)) for item in each]
    return pairs


def _leg(call: Any) -> Leg:
    status: LegStatus = leg_status(str(call.status))
    started = call.start_time or call.date_created
    return Leg(
        sid=str(call.sid),
        to=str(call.to or ""),
        status=status,
        duration_s=int(call.duration or 0),
        from_raw=str(getattr(call, "_from", "") or ""),
        started_at=started.timestamp() if started else None,
    )
