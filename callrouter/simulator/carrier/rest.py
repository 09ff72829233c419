"""The carrier's REST side: shows, lists and updates calls, and hands on what is about conferences."""

import asyncio
import base64
import hmac
from urllib.parse import parse_qsl

from aiohttp import web

from callrouter.simulator.carrier import twiml
from callrouter.simulator.carrier.applying import Applying
from callrouter.simulator.carrier.line import LIVE, Fetch, Line
from callrouter.simulator.carrier.outbound import OutboundLeg
from callrouter.simulator.carrier.records import DocumentRecord, RestRecord
from callrouter.simulator.carrier.rest_answers import Answer, RestError, in_time, not_found, paged, rfc2822
from callrouter.simulator.carrier.rest_conferences import Conferences
from callrouter.simulator.carrier.rooms import Rooms
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


class RestSide:
    """Serves the Calls and Conferences resources with basic authorisation."""

    def __init__(self, switch: Switch, rooms: Rooms, auth_token: str, port: int = 0) -> None:
        self._switch = switch
        self._applying = Applying(switch)
        self._conferences = Conferences(switch, rooms, self._applying, f"{self._account}/Conferences")
        pair = base64.b64encode(f"{switch.account_sid}:{auth_token}".encode()).decode()
        self._authorisation = f"Basic {pair}"
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self.server = LoopbackServer(app, port)
        self.records: list[RestRecord] = []
        self._under_way = 0

    @property
    def outbound(self) -> list[OutboundLeg]:
        """Every leg that was created for a conference, oldest first."""
        return self._conferences.legs

    @property
    def _account(self) -> str:
        return f"/{API_VERSION}/Accounts/{self._switch.account_sid}"

    @property
    def _root(self) -> str:
        return f"{self._account}/Calls"

    async def _serve(self, request: web.Request) -> web.Response:
        params = await _params(request)
        record = RestRecord(request.method, request.path, params, self._switch.clock.now())
        self.records.append(record)
        latency_s = self._switch.rng.uniform(*self._switch.timings.rest_latency_s)
        self._under_way += 1
        try:
            await asyncio.sleep(latency_s / 2)
            try:
                status, body = self._answer(request, params, record)
            except RestError as error:
                record.code, status = error.code, error.status
                body = {"code": error.code, "message": error.message, "status": error.status, "more_info": ""}
            await asyncio.sleep(latency_s / 2)
            record.status = status
            headers = {
                "Twilio-Concurrent-Requests": str(self._under_way),
                "Twilio-Request-Duration": f"{latency_s:.3f}",
            }
            if body is None:
                return web.Response(status=status, headers=headers)
            return web.json_response(body, status=status, headers=headers)
        finally:
            self._under_way -= 1

    def _answer(self, request: web.Request, params: dict[str, str], record: RestRecord) -> Answer:
        faults = self._switch.faults
        if faults.rest_429_next > 0:
            faults.rest_429_next -= 1
            raise RestError(429, 20429, "Too Many Requests")
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), self._authorisation.encode()):
            raise RestError(401, 20003, "Authenticate")
        path = request.path.removesuffix(".json")
        conferences = f"{self._account}/Conferences"
        if path == conferences or path.startswith(f"{conferences}/"):
            return self._conferences.answer(path[len(conferences) + 1 :], params, record)
        return 200, self._calls(path, params, record)

    def _calls(self, path: str, params: dict[str, str], record: RestRecord) -> dict[str, object]:
        if path == self._root and record.method == "GET":
            record.problems += [name for name in params if name not in _LIST_PARAMS]
            return self._list(params)
        sid = path.removeprefix(f"{self._root}/")
        party = self._switch.parties.get(sid)
        if party is None:
            raise not_found()
        if record.method == "POST":
            record.problems += [name for name in params if name not in _UPDATE_PARAMS]
            self._update(sid, party, params, record)
        elif record.method != "GET":
            raise RestError(405, 20004, "Method not allowed")
        return self._shown(party.view())

    def _update(self, sid: str, party: Party, params: dict[str, str], record: RestRecord) -> None:
        status = party.view().status
        if "Twiml" not in params and "Url" not in params:
            if params.get("Status") not in {"completed", "canceled"}:
                raise RestError(400, 21218, "Nothing to update")
            if status in LIVE:
                self._applying.later(party.complete, record)
            return
        if status != "in-progress" or not isinstance(party, Line):
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        work = self._pushed(sid, params)
        self._applying.later(lambda: party.push(work), record)

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

    def _list(self, params: dict[str, str]) -> dict[str, object]:
        views = [party.view() for party in reversed(list(self._switch.parties.values()))]
        wanted = [view for view in views if _matches(view, params)]
        return paged("calls", wanted, self._shown, params, self._root)

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
            "start_time": rfc2822(view.started_at),
            "end_time": rfc2822(view.ended_at),
            "date_created": rfc2822(view.started_at),
            "date_updated": rfc2822(view.ended_at or view.started_at),
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
    """The parameters by name; events that are asked for by repeating the name are joined by blanks."""
    body = (await request.read()).decode(errors="replace")
    params: dict[str, str] = {}
    for name, value in [*request.query.items(), *parse_qsl(body, keep_blank_values=True)]:
        params[name] = f"{params[name]} {value}" if name in params and name.endswith("Event") else value
    return params


def _matches(view: LegView, params: dict[str, str]) -> bool:
    shown = {"To": view.to, "From": view.from_, "Status": view.status, "ParentCallSid": view.parent_sid}
    if any(name in params and params[name] != value for name, value in shown.items()):
        return False
    return in_time(view.started_at, "StartTime", params)
