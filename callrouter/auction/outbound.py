"""HTTP to buyers: one request, one complete reply or one typed failure, always in time."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from callrouter.buyers.base import BuyerRequest, BuyerResponse
from callrouter.domain.reasons import Reason

KEEPALIVE_S = 4.0
"""Shorter than the 5 s after which common servers drop an idle connection: we do not send twice, so we must not
meet one that is just being closed."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})


@dataclass(frozen=True)
class OutboundFailure:
    """Why there is no reply. ``detail`` holds nothing of the request."""

    reason: Reason
    detail: str | None = None
    status: int | None = None
    sent: bool = True
    """Whether the buyer may have got the request: ``False`` only when no connection was made."""


class Outbound:
    """One session for every buyer: no cookies, no decompression, no queue for a connection, no proxy."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self, request: BuyerRequest, timeout_s: float, max_body: int, *, follow: bool = True
    ) -> BuyerResponse | OutboundFailure:
        """Send and read the whole reply within ``timeout_s``, redirects included. Raises if cancelled.

        Without ``follow`` no redirect is: where requests are counted, the second would be one too many.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(request, max_body, follow)
        except TimeoutError:  # an OSError: it must be caught first
            return OutboundFailure(Reason.ERROR_TIMEOUT)
        except aiohttp.ClientResponseError as error:
            return OutboundFailure(Reason.ERROR_BAD_RESPONSE, type(error).__name__)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return OutboundFailure(Reason.ERROR_UNREACHABLE, type(error).__name__)

    async def _follow(self, request: BuyerRequest, max_body: int, follow: bool) -> BuyerResponse | OutboundFailure:
        url = _address(request)
        for last in (False, True):
            try:
                reply = await self._once(request, url, max_body)
            except aiohttp.ClientConnectorError as error:
                # After a redirect the first server has got it all the same.
                return OutboundFailure(Reason.ERROR_UNREACHABLE, type(error).__name__, sent=last)
            if not isinstance(reply, _Redirect):
                return reply
            target = _on_same_host(url, reply.location)
            may_follow = follow and (reply.status in _KEEP_METHOD or request.method == "GET")
            if last or not may_follow or target is None:
                return OutboundFailure(Reason.ERROR_REDIRECT, status=reply.status)
            url = target
        raise AssertionError("unreachable")

    async def _once(
        self, request: BuyerRequest, url: URL, max_body: int
    ) -> "BuyerResponse | OutboundFailure | _Redirect":
        async with self._open().request(
            request.method, url, data=request.body, headers=request.headers, allow_redirects=False
        ) as response:
            location = response.headers.get("Location")
            if response.status in _REDIRECTS and location:
                return _Redirect(response.status, location)
            too_large = OutboundFailure(Reason.ERROR_TOO_LARGE, status=response.status)
            if (response.content_length or 0) > max_body:
                response.close()
                return too_large
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > max_body:
                    response.close()
                    return too_large
            return BuyerResponse(response.status, bytes(body), response.headers.get("Content-Type", ""))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                headers={"Accept-Encoding": "identity", "User-Agent": "callrouter"},
            )
            # aiohttp sends a GET again when the connection breaks, which the buyer counts twice and we once.
            self._session._retry_connection = False
        return self._session


@dataclass(frozen=True)
class _Redirect:
    status: int
    location: str


def _address(request: BuyerRequest) -> URL:
    if not request.query:
        return URL(request.url, encoded=True)
    joint = "&" if "?" in request.url else "?"
    return URL(f"{request.url}{joint}{urlencode(request.query)}", encoded=True)


def _on_same_host(ours: URL, location: str) -> URL | None:
    """Where a redirect leads if that is the same server, or the same host's step from http up to https."""
    try:
        target = ours.join(URL(location, encoded=True))
        host, port = target.host, target.port
    except ValueError:
        return None
    if host is None or ours.host is None or host.lower() != ours.host.lower():
        return None
    if target.scheme == ours.scheme:
        return target if port == ours.port else None
    upgraded = (ours.scheme, ours.port, target.scheme, port) == ("http", 80, "https", 443)
    return target if upgraded else None
