"""Warm transfers for agents' software: open one, see how it stands, and hand the caller over."""

from collections.abc import Awaitable, Callable, Container
from http import HTTPStatus
from typing import Annotated, Protocol

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.auth import ANYONE
from callrouter.api.callers import CallerFacts
from callrouter.api.endpoint import (
    Action,
    Door,
    Endpoint,
    PathParameter,
    body_of,
    endpoint,
    holder_of,
    json_answer,
    query_of,
)
from callrouter.api.problems import wrong_keys
from callrouter.api.query import WHOLE, QueryModel
from callrouter.api.shapes import Nothing, Part, Phone, PlanName, Wanted
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.transfers.desk import Holder, Opening
from callrouter.transfers.shown import AgentWanted, BridgeWanted, DialledWanted, TransferShown, TransferState

PATH = "/api/v1/transfers"
MAX_LIMIT = 200
DEFAULT_LIMIT = 50


class TransferDesk(Protocol):
    """Transfers as the API uses them: `callrouter.transfers.desk.Desk`.

    Raises `NotFound`, `TransferRefused` and `EngineUnavailable`.
    """

    async def open(self, opening: Opening, by: Holder, received_at: float) -> TransferShown:
        """Ask the buyers."""
        ...

    async def get(self, sid: str, by: Holder) -> TransferShown:
        """How it stands."""
        ...

    async def mine(self, by: Holder) -> list[TransferShown]:
        """Those of this holder that have not ended, newest first."""
        ...

    async def bridge(self, sid: str, wanted: BridgeWanted, by: Holder) -> TransferShown:
        """Bring them together."""
        ...

    async def following(self, sid: str, by: Holder) -> TransferShown:
        """The next offer."""
        ...

    async def complete(self, sid: str, by: Holder) -> TransferShown:
        """The agent leaves."""
        ...

    async def cancel(self, sid: str, by: Holder) -> TransferShown:
        """Give it up."""
        ...

    async def dialled(self, sid: str, wanted: DialledWanted, by: Holder) -> TransferShown:
        """The agent dials herself."""
        ...


CarrierCall = Annotated[str, Field(pattern=r"^CA[0-9a-f]{32}$", examples=["CA0123456789abcdef0123456789abcdef"])]


class CallerOnLine(CallerFacts):
    """The person whom the agent has on the line. What was told of them before is added to what is given here."""

    phone: Phone


class AgentOnLine(AgentWanted):
    """Who hands over."""

    phone: Phone | None = None
    """Where the agent is called for a bridge."""


class TransferWanted(Wanted):
    """What a transfer is opened with."""

    plan: PlanName
    """The plan's name."""
    caller: CallerOnLine
    agent: AgentOnLine
    caller_call_sid: CarrierCall | None = None
    """A call of the caller's that is on our carrier already."""


class BridgeOptions(BridgeWanted):
    """How agent and caller come into the room. Each key stands in for what the transfer was opened with."""

    agent: AgentOnLine | None = None


class DialledReport(DialledWanted):
    """What the agent's own dialler did. Without ``result``: it dials now; later, what came of it."""


class TransfersShown(Part):
    """Transfers that have not ended."""

    transfers: list[TransferShown]
    """Newest first."""


class TransfersQuery(QueryModel):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE] = DEFAULT_LIMIT


def transfer_routes(door: Door, desk: TransferDesk, clock: Clock, own_numbers: Container[str]) -> list[Endpoint]:
    """Every path of warm transfers. ``own_numbers`` are those on which the plans take calls."""

    def reachable(agent: AgentOnLine | None) -> None:
        if agent is not None and agent.phone in own_numbers:
            raise wrong_keys([("agent.phone", "give a number on which the agent is reached; this one is ours")])

    async def open_one(request: Request) -> Response:
        received_at = clock.now()
        body = body_of(request, TransferWanted)
        reachable(body.agent)
        caller = Caller(**body.caller.model_dump())
        opening = Opening(body.plan, caller, body.agent, body.caller_call_sid)
        shown = await desk.open(opening, _holder(request), received_at)
        unsold = shown.state in (TransferState.UNSOLD, TransferState.ENDED)
        return json_answer(shown, HTTPStatus.OK if unsold else HTTPStatus.CREATED)

    async def mine(request: Request) -> Response:
        found = await desk.mine(_holder(request))
        return json_answer(TransfersShown(transfers=found[: query_of(request, TransfersQuery).limit]))

    async def bridge(request: Request) -> Response:
        body = body_of(request, BridgeOptions)
        reachable(body.agent)
        return json_answer(await desk.bridge(_sid(request), body, _holder(request)))

    async def dialled(request: Request) -> Response:
        return json_answer(await desk.dialled(_sid(request), body_of(request, DialledReport), _holder(request)))

    one = [
        PathParameter("id", "TR[0-9a-f]{32}", "The transfer's id.", "TR0123456789abcdef0123456789abcdef", "transfer")
    ]
    return [
        endpoint(
            PATH,
            door,
            {
                "GET": Action(
                    *(ANYONE, mine, "The transfers that this token has opened, and that have not ended"),
                    query=TransfersQuery,
                    answers={200: TransfersShown},
                ),
                "POST": Action(
                    *(ANYONE, open_one, "Ask for an offer", _OPENED),
                    body=TransferWanted,
                    answers={201: TransferShown, 200: TransferShown},
                    refusals=(404, 409),
                ),
            },
        ),
        endpoint(
            f"{PATH}/{{id}}",
            door,
            {
                "GET": Action(ANYONE, _plain(desk.get), "How a transfer stands", _OWN, answers={200: TransferShown}),
                "DELETE": Action(
                    *(ANYONE, _plain(desk.cancel), "Give it up", "The caller stays with the agent."),
                    answers={200: TransferShown},
                    refusals=(409,),
                ),
            },
            one,
        ),
        endpoint(f"{PATH}/{{id}}/bridge", door, {"POST": _order(bridge, *_BRIDGE, BridgeOptions)}, one),
        endpoint(f"{PATH}/{{id}}/complete", door, {"POST": _order(_plain(desk.complete), *_COMPLETE)}, one),
        endpoint(f"{PATH}/{{id}}/next", door, {"POST": _order(_plain(desk.following), *_NEXT)}, one),
        endpoint(f"{PATH}/{{id}}/dialled", door, {"POST": _order(dialled, *_DIALLED, DialledReport)}, one),
    ]


_OWN = "An agent's token finds only the transfers that it opened."
_OPENED = "201 with an offer, or while buyers are still asked; 200 when nobody wants the caller at this moment."
_BRIDGE = (
    "Bring agent and caller into a room",
    "When both are there the buyer is rung; while it rings the caller hears music.",
)
_COMPLETE = ("The agent leaves", "Caller and buyer go on by themselves.")
_NEXT = ("The next offer", "The present one, or the buyer that rings or talks, is passed over.")
_DIALLED = ("The agent dials the shown number herself", "Then again with what came of it: ``result`` and ``talk_s``.")


def _order(
    handle: Callable[[Request], Awaitable[Response]],
    about: str,
    more: str,
    body: type[BridgeOptions | DialledReport | Nothing] = Nothing,
) -> Action:
    return Action(
        *(ANYONE, handle, about, more),
        body=body,
        body_optional=True,
        answers={200: TransferShown},
        refusals=(404, 409),
    )


def _plain(act: Callable[[str, Holder], Awaitable[TransferShown]]) -> Callable[[Request], Awaitable[Response]]:
    """A handler for what needs only to know which transfer, and who asks."""

    async def handle(request: Request) -> Response:
        return json_answer(await act(_sid(request), _holder(request)))

    return handle


def _sid(request: Request) -> str:
    sid: str = request.path_params["id"]
    return sid


def _holder(request: Request) -> Holder:
    token = holder_of(request)
    return Holder(token.role.value, token.name)
