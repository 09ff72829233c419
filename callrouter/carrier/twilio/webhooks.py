"""Twilio's requests: verified, read, handed to the call flow, answered as TwiML.

A webhook is never answered with a 5xx or a 429: Twilio would count that as our failure and drop the caller.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.calls.answer import Answer
from callrouter.carrier.seam import CallArrived, CallerEvent, DialEnded, Report
from callrouter.carrier.twilio import events
from callrouter.carrier.twilio.audio import SOUNDS
from callrouter.carrier.twilio.events import BadWebhook, Params
from callrouter.carrier.twilio.signature import SETTINGS_HEADER, SIGNATURE_HEADER, verified
from callrouter.carrier.twilio.twiml import music, render
from callrouter.carrier.twilio.urls import Urls
from callrouter.dialplan import Plan
from callrouter.domain.clock import Clock
from callrouter.errors import EngineUnavailable
from callrouter.logs import call_id
from callrouter.metrics import SILENT_ENDPOINTS, Metrics
from callrouter.request_body import BodyTooLarge, whole_body

BODY_LIMIT = 65_536
BODY_TIMEOUT_S = 5.0
_HANG_UP = '<?xml version="1.0" encoding="UTF-8"?><Response><Hangup/></Response>'
_CACHE = "public, max-age=31536000, immutable"

log = logging.getLogger("callrouter.carrier")


@dataclass(frozen=True)
class Secrets:
    """What signatures are checked with."""

    auth_token: str
    signing_keys: Mapping[str, str]


class Flow(Protocol):
    """Who takes the events."""

    async def answer(self, event: CallerEvent, arrival: CallArrived, received_at: float) -> Answer:
        """What is heard next. ``arrival`` is who calls whom, from the same request."""
        ...

    async def report(self, event: Report, received_at: float) -> None:
        """Take note. Raises `EngineUnavailable` or `OSError` when that was not possible."""
        ...


class _Done(NamedTuple):
    """How a request was handled."""

    response: Response
    result: str
    in_silence: bool = False
    """Whether a caller who was answered before waited for it and heard nothing."""


class Webhooks:
    """The routes that Twilio calls."""

    def __init__(
        self,
        flow: Flow,
        urls: Urls,
        secrets: Secrets,
        clock: Clock,
        metrics: Metrics,
        plan_of: Callable[[str], Plan | None] = lambda name: None,
    ) -> None:
        self._flow = flow
        self._urls = urls
        self._secrets = secrets
        self._clock = clock
        self._metrics = metrics
        self._plan_of = plan_of

    def routes(self) -> list[Route]:
        """Every path below ``/twilio``, and the sounds that its documents play."""
        return [
            *(
                Route(f"/twilio/{path}", self._answering(name, read), methods=["POST"])
                for path, name, read in _ANSWERED
            ),
            *(
                Route(f"/twilio/{path}", self._reporting(name, read), methods=["POST"])
                for path, name, read in _REPORTED
            ),
            Route("/twilio/music", self._music(), methods=["GET", "POST"]),
            Route("/audio/{file}", sound, methods=["GET"]),
        ]

    def _answering(self, name: str, read: "Read[CallerEvent]") -> "Endpoint":
        async def handle(request: Request, params: Params, received_at: float) -> _Done:
            event = read(_Asked(request), params)
            call_id.set(event.sid)
            answer = await self._flow.answer(event, events.arrived(params), received_at)
            silent = name in SILENT_ENDPOINTS and not (isinstance(event, DialEnded) and not event.caller_there)
            return _Done(self._twiml(answer), "refused" if answer.plan is None else "answered", silent)

        return self._endpoint(name, handle, lambda: _xml(_HANG_UP))

    def _reporting(self, name: str, read: "Read[Report | None]") -> "Endpoint":
        async def handle(request: Request, params: Params, received_at: float) -> _Done:
            event = read(_Asked(request), params)
            if event is None:
                return _Done(Response(status_code=204), "answered")
            call_id.set(event.sid)
            try:
                await self._flow.report(event, received_at)
            except (EngineUnavailable, OSError):
                log.warning("status report lost; the sweeper will ask the carrier", extra={"event": event.event_id})
                return _Done(Response(status_code=204), "failed")
            return _Done(Response(status_code=204), "answered")

        return self._endpoint(name, handle, lambda: Response(status_code=204))

    def _music(self) -> "Endpoint":
        async def handle(request: Request, params: Params, received_at: float) -> _Done:
            plan = self._plan_of(request.query_params.get("plan", ""))
            return _Done(_xml(music(plan, self._urls)), "answered")

        return self._endpoint("music", handle, lambda: _xml(music(None, self._urls)))

    def _endpoint(
        self,
        name: str,
        handle: Callable[[Request, Params, float], Awaitable[_Done]],
        otherwise: Callable[[], Response],
    ) -> "Endpoint":
        async def endpoint(request: Request) -> Response:
            received_at, started = self._clock.now(), self._clock.monotonic()
            done = _Done(otherwise(), "failed")
            try:
                params = await self._verified_params(request)
                if params is None:
                    done = _Done(Response(status_code=403), "forbidden")
                else:
                    done = await handle(request, params, received_at)
            except BadWebhook as bad:
                log.warning("webhook not understood", extra={"endpoint": name, "why": str(bad)})
                done = _Done(done.response, "bad_request")
            except Exception:
                log.exception("webhook failed", extra={"endpoint": name})
            finally:
                took_s = self._clock.monotonic() - started
                self._metrics.webhooks.labels(name, done.result).inc()
                self._metrics.webhook_duration.labels(name).observe(took_s)
                if done.in_silence:
                    self._metrics.silence.labels(name).observe(took_s)
            return done.response

        return endpoint

    async def _verified_params(self, request: Request) -> dict[str, str] | None:
        """The form parameters, or ``None`` for a request that Twilio did not sign."""
        try:
            body = await whole_body(request, BODY_LIMIT, BODY_TIMEOUT_S)
            pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=False)
        except (BodyTooLarge, TimeoutError, ClientDisconnect, UnicodeDecodeError, ValueError):
            return None
        path: str = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
        query: str = request.scope["query_string"].decode("latin-1")
        right = verified(
            self._urls.public_url + path.partition("?")[0] + (f"?{query}" if query else ""),
            pairs,
            request.headers.get(SIGNATURE_HEADER, ""),
            request.headers.get(SETTINGS_HEADER, ""),
            self._secrets.auth_token,
            self._secrets.signing_keys,
        )
        return dict(pairs) if right else None

    def _twiml(self, answer: Answer) -> Response:
        return _xml(render(answer.command, answer.plan, self._urls.of(answer.call)))


class _Ordinal(IntegerConvertor):
    """A number in a path of ours. Starlette's own fails at thousands of digits, which is a 5xx before we are asked."""

    regex = "[0-9]{1,9}"


register_url_convertor("ordinal", _Ordinal())


class _Asked:
    """What the URL of a request says."""

    def __init__(self, request: Request) -> None:
        self._path = request.path_params
        self._query = request.query_params

    @property
    def call(self) -> str:
        """The call's id where it is not the leg's. Raises `BadWebhook`."""
        return events.call_of(self._query)

    @property
    def no(self) -> int:
        """Which question, attempt or segment."""
        return int(self._path["no"])

    @property
    def auction(self) -> int:
        """Which auction the caller is held for."""
        return int(self._path["auction"])

    @property
    def label(self) -> str:
        """Whose leg."""
        return str(self._path["label"])


T_co = TypeVar("T_co", covariant=True)
Endpoint = Callable[[Request], Awaitable[Response]]
Read = Callable[[_Asked, Params], T_co]


def _dial(asked: _Asked, params: Params) -> CallerEvent:
    if not events.dial_status_is_known(params):
        log.error("unknown dial status, taken for failed", extra={"status": params.get("DialCallStatus", "")[:40]})
    return events.dial_ended(params, asked.no, asked.call)


_ANSWERED: tuple[tuple[str, str, Read[CallerEvent]], ...] = (
    ("voice", "voice", lambda asked, params: events.arrived(params)),
    ("zip/{no:ordinal}", "zip", lambda asked, params: events.zip_entered(params, asked.no, asked.call)),
    ("pin/{no:ordinal}", "pin", lambda asked, params: events.pin_entered(params, asked.no, asked.call)),
    (
        "hold/{auction:ordinal}/{no:ordinal}",
        "hold",
        lambda asked, params: events.hold_polled(params, asked.auction, asked.no, asked.call),
    ),
    ("dial/{no:ordinal}", "dial", _dial),
    ("out/{label}", "out", lambda asked, params: events.left_room(params, asked.label, asked.call)),
    ("fallback", "fallback", lambda asked, params: events.answer_failed(params)),
)
"""Path below ``/twilio``, name of the endpoint, and what it reads: requests whose answer somebody hears."""

_REPORTED: tuple[tuple[str, str, Read[Report | None]], ...] = (
    ("leg/{no:ordinal}", "leg", lambda asked, params: events.leg_changed(params, asked.no, asked.call)),
    ("status", "status", lambda asked, params: events.caller_status(params)),
    ("room", "room", lambda asked, params: events.room_changed(params, asked.call)),
    ("party/{label}", "party", lambda asked, params: events.party_changed(params, asked.label, asked.call)),
)
"""The same for requests that only report."""


async def sound(request: Request) -> Response:
    """A sound file, cacheable for good."""
    found = SOUNDS.get(request.path_params["file"])
    if found is None:
        return Response(status_code=404)
    headers = {"etag": f'"{found.digest}"', "cache-control": _CACHE}
    if request.headers.get("if-none-match") == f'"{found.digest}"':
        return Response(status_code=304, headers=headers)
    return Response(found.wav, media_type="audio/wav", headers=headers)


def _xml(document: str) -> Response:
    return Response(document, media_type="text/xml")
