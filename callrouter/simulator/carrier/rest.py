"""The carrier's REST side: shows, lists and updates calls."""

import asyncio
import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from callrouter.simulator.carrier import twiml
from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.records import DocumentRecord, RestRecord
from callrouter.simulator.carrier.switch import API_VERSION, LegView, Party, Switch
from callrouter.simulator.server import LoopbackServer

_UPDATE_PARAMS = frozenset(
    {"Url", "Method", "Twiml", "Status", "TimeLimit"}
    | {"FallbackUrl", "FallbackMethod", "StatusCallback", "StatusCallbackMethod"}
)
_LIST_PARAMS = frozenset(
    {"To", "From", "Status", "ParentCallSid", "PageSize", "Page", "PageToken"}
    | {f"{edge}Time{bound}" for edge in ("Start", "End") for bound in ("", ">", "<")}
)


@dataclass
class RestError(Exception):
    """A refusal in the carrier's own terms."""

    status: int
    code: int
    message: str


class RestSide:
    """Serves the Calls resource with basic authorisation."""

    def __init__(self, switch: Switch, auth_token: str, port: int = 0) -> None:
        self._switch = switch
        pair = base64.b64encode(f"{switch.account_sid}:{auth_token}".encode()).decode()
        self._authorisation = f"Basic {pair}"
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.server = LoopbackServer(app, port)
        self.records: list[RestRecord] = []
        self._under_way = 0

    @property
    def _root(self) -> str:
        return f"/{API_VERSION}/Accounts/{self._switch.account_sid}/Calls"

    async def _serve(self, request: web.Request) -> web.Response:
        params = await _params(request)
        record = RestRecord(request.method, request.path, params, self._switch.clock.now())
        self.records.append(record)
        latency_s = self._switch.rng.uniform(*self._switch.timings.rest_latency_s)
        self._under_way += 1
        try:
            await asyncio.sleep(latency_s / 2)
            try:
                status, body = 200, self._answer(request, params, record)
            except RestError as error:
                record.code, status = error.code, error.status
                body = {"code": error.code, "message": error.message, "status": error.status, "more_info": ""}
            await asyncio.sleep(latency_s / 2)
            record.status = status
            headers = {
                "Twilio-Concurrent-Requests": str(self._under_way),
                "Twilio-Request-Duration": f"{latency_s:.3f}",
            }
            return web.json_response(body, status=status, headers=headers)
        finally:
            self._under_way -= 1

    def _answer(self, request: web.Request, params: dict[str, str], record: RestRecord) -> dict[str, object]:
        faults = self._switch.faults
        if faults.rest_429_next > 0:
            faults.rest_429_next -= 1
            raise RestError(429, 20429, "Too Many Requests")
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._authorisation.encode()):
            raise RestError(401, 20003, "Authenticate")
        if request.path == f"{self._root}.json" and request.method == "GET":
            record.problems += [name for name in params if name not in _LIST_PARAMS]
            return self._list(params)
        sid = request.path.removeprefix(f"{self._root}/").removesuffix(".json")
        party = self._switch.parties.get(sid)
        if party is None:
            raise RestError(404, 20404, "The requested resource was not found")
        if request.method == "POST":
            record.problems += [name for name in params if name not in _UPDATE_PARAMS]
            self._update(sid, party, params, record)
        elif request.method != "GET":
            raise RestError(405, 20004, "Method not allowed")
        return self._shown(party.view())

    def _update(self, sid: str, party: Party, params: dict[str, str], record: RestRecord) -> None:
        status = party.view().status
        if "Twiml" not in params and "Url" not in params:
            if params.get("Status") not in {"completed", "canceled"}:
                raise RestError(400, 21218, "Nothing to update")
            if status in {"ringing", "in-progress"}:
                self._later(party.complete, record)
            return
        if status != "in-progress" or not isinstance(party, Line):
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        work = self._pushed(sid, params)
        self._later(lambda: party.push(work), record)

    def _pushed(self, sid: str, params: dict[str, str]) -> Fetch | twiml.Document:
        if "Twiml" not in params:
            return Fetch(params["Url"], {}, "url", params.get("Method", "POST"))
        body = params["Twiml"]
        document = DocumentRecord(sid, "pushed", None, body, self._switch.clock.now())
        self._switch.documents.append(document)
        if len(body) > twiml.MAX_PUSHED_CHARS:
            document.problems.append(f"pushed with {len(body)} characters")
            raise RestError(400, 21605, "Twiml is too long")
        try:
            root = twiml.parse(body.encode())
        except twiml.BadDocument as error:
            document.problems.append(f"unusable ({error.code}): {error}")
            raise RestError(400, int(error.code), str(error)) from error
        document.problems += twiml.problems(root, pushed=True)
        return twiml.Document(tuple(root), None, document)

    def _later(self, act: Callable[[], None], record: RestRecord) -> None:
        """Apply an accepted update, unless a fault loses it."""
        faults = self._switch.faults
        if faults.drop_next_pushes > 0:
            faults.drop_next_pushes -= 1
            record.lost = True
        elif self._switch.rng.random() < faults.push_lost_share:
            record.lost = True
        else:
            self._switch.background.spawn(self._apply(act, record))

    async def _apply(self, act: Callable[[], None], record: RestRecord) -> None:
        await asyncio.sleep(self._switch.timings.apply_s + self._switch.faults.push_delay_s)
        record.applied_at = self._switch.clock.now()
        act()

    def _list(self, params: dict[str, str]) -> dict[str, object]:
        views = [party.view() for party in reversed(list(self._switch.parties.values()))]
        wanted = [view for view in views if _matches(view, params)]
        size = min(max(int(params.get("PageSize", "50")), 1), 1000)
        page = int(params.get("Page", "0"))
        shown = wanted[page * size : (page + 1) * size]
        filters = {name: value for name, value in params.items() if name not in {"Page", "PageToken"}}

        def uri(number: int) -> str:
            return f"{self._root}.json?{urlencode({**filters, 'PageSize': size, 'Page': number})}"

        return {
            "calls": [self._shown(view) for view in shown],
            "page": page,
            "page_size": size,
            "start": page * size,
            "end": page * size + max(len(shown) - 1, 0),
            "uri": uri(page),
            "first_page_uri": uri(0),
            "previous_page_uri": uri(page - 1) if page else None,
            "next_page_uri": uri(page + 1) if (page + 1) * size < len(wanted) else None,
        }

    def _shown(self, view: LegView) -> dict[str, object]:
        return {
            "sid": view.sid,
            "account_sid": self._switch.account_sid,
            "parent_call_sid": view.parent_sid,
            "from": view.from_,
            "from_formatted": view.from_,
            "to": view.to,
            "to_formatted": view.to,
            "status": view.status,
            "direction": view.direction,
            "start_time": _rfc2822(view.started_at),
            "end_time": _rfc2822(view.ended_at),
            "date_created": _rfc2822(view.started_at),
            "date_updated": _rfc2822(view.ended_at or view.started_at),
            "duration": None if view.duration_s is None else str(view.duration_s),
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "api_version": API_VERSION,
            "annotation": None,
            "caller_name": None,
            "forwarded_from": None,
            "group_sid": None,
            "phone_number_sid": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{self._root}/{view.sid}.json",
            "subresource_uris": {},
        }


async def _params(request: web.Request) -> dict[str, str]:
    body = (await request.read()).decode(errors="replace")
    return dict(request.query) | dict(parse_qsl(body, keep_blank_values=True))


def _matches(view: LegView, params: dict[str, str]) -> bool:
    shown = {"To": view.to, "From": view.from_, "Status": view.status, "ParentCallSid": view.parent_sid}
    if any(name in params and params[name] != value for name, value in shown.items()):
        return False
    # The carrier's start times are whole seconds.
    started = float(int(view.started_at))
    after, before, day = params.get("StartTime>"), params.get("StartTime<"), params.get("StartTime")
    if after and started < _epoch(after):
        return False
    if before and started > _epoch(before) + (86_399 if len(before) == len("2026-01-01") else 0):
        return False
    return not day or 0 <= started - _epoch(day) < 86_400


def _epoch(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise RestError(400, 20001, "Not a date") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _rfc2822(at: float | None) -> str | None:
    return None if at is None else formatdate(at).replace("-0000", "+0000")
