"""Buyers for operations: how each stands, its switch, and forgiving one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.auth import OPERATORS
from callrouter.api.endpoint import Action, Door, Endpoint, PathParameter, body_of, endpoint, holder_of, json_answer
from callrouter.api.problems import not_found
from callrouter.api.query import NoQuery

PATH = "/api/v1/buyers"

_FORGIVING = (
    "How often its phone was picked up and how long its talks lasted is forgotten, in every plan: its offers are valued"
    " like the average buyer's until new calls say otherwise. How fast it replies is kept."
)
_NAME = "[a-z0-9][a-z0-9_-]{0,39}"

Shown = Mapping[str, Any]
"""One buyer in the shape of `BuyerShown`."""
Money = Annotated[str, Field(pattern=r"^\d+\.\d\d$", examples=["25.00"])]
Time = Annotated[str, Field(examples=["2026-11-21T02:25:00.000Z"])]
Share = Annotated[float, Field(ge=0, le=1)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OffBody(_Body):
    """The body of ``POST …/off``; it may be left out."""

    why: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] | None = Field(
        default=None, description="Why, for whoever looks at the buyer; nothing personal."
    )


class OnBody(_Body):
    """The body of ``POST …/on``: empty, or left out."""


class ForgiveBody(_Body):
    """The body of ``POST …/forgive``: empty, or left out."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SwitchShown(_Part):
    """Operations have switched the buyer off."""

    at: Time = Field(description="Since when.")
    by: str = Field(description="The name of the token that did it.")
    why: str | None = Field(description="What was said of it.")


class HealthShown(_Part):
    """What the replies of the buyer's account say of it."""

    state: Literal["ok", "unhealthy"] = Field(description="An unhealthy buyer is asked only now and then.")
    failing_share: Share | None = Field(description="Moving average of failed requests; null when nothing is known.")
    next_probe_at: Time | None = Field(description="When an unhealthy buyer is asked again for certain.")


class LimitShown(_Part):
    """One rate window of the buyer's account, which other plans may share."""

    calls: int = Field(description="The most requests in the window.")
    per_s: float = Field(description="Its length in seconds.")
    used: int = Field(description="Requests in it now.")


class CapShown(_Part):
    """One cap of the buyer. Dollars are strings with two decimals, everything else whole numbers."""

    of: Literal["attempts", "connects", "qualified", "dollars"] = Field(description="What is counted.")
    per: Literal["hour", "day", "month", "ever"] = Field(description="In which calendar period.")
    limit: int | Money = Field(description="The most of it.")
    used: int | Money = Field(description="Used up in this period.")
    reserved: int | Money = Field(description="What calls that are not over may still use.")
    left: int | Money = Field(description="What is free for further calls.")
    resets_at: Time | None = Field(description="When the period ends; null when it does not.")


class ConcurrencyShown(_Part):
    """How many callers at once."""

    limit: int = Field(description="The most callers that it may get at once.")
    in_use: int = Field(description="Callers that it may still get or has on the line.")


class ErrorShown(_Part):
    """A result that the buyer must act on."""

    at: Time | None = Field(description="When it was asked.")
    sid: str = Field(description="The call; its whole decision is under /api/v1/calls.")
    reason: str = Field(description="One of the reasons error_… and rejected_….")
    detail: str | None = Field(description="What is known beyond that, without personal data.")


class LatelyShown(_Part):
    """What the calls of the last hour say, those that have ended, the newest 500 of all plans at most."""

    since: Time = Field(description="From when on calls were counted.")
    asked: int = Field(description="Requests for an offer.")
    offers: int = Field(description="Offers made and taken as such.")
    offer_rate: Share | None = Field(description="Offers by requests.")
    dials: int = Field(description="Dials of its numbers.")
    answered: int = Field(description="Dials that were answered.")
    answer_rate: Share | None = Field(description="Answered by dials.")
    reasons: dict[str, int] = Field(description="How often each result came up; an offer is one of them.")
    last_errors: list[ErrorShown] = Field(max_length=5, description="The newest first.")


class PayoutShown(_Part):
    """Of the offers lately; null without any."""

    highest: Money | None = Field(description="The highest, dollars.")
    average: Money | None = Field(description="The average, dollars.")


class UsualOfferShown(_Part):
    """The middle one of a buyer's last offers."""

    payout: Money = Field(description="Dollars.")
    min_duration_s: int = Field(description="After so many seconds of talk it pays.")


class BelievedShown(_Part):
    """What calls have taught of the buyer. What was never seen is believed as of the average buyer."""

    requests: int = Field(description="Its last requests that are remembered, 200 at most.")
    offer_rate: Share = Field(description="How many of them end with an offer.")
    offer_after_s: float | None = Field(description="After how long half of its offers are there; null without any.")
    usual_offer: UsualOfferShown | None = Field(description="Null before its first offer.")
    dials: float = Field(description="How many dials the evidence on its phone amounts to; old ones fade.")
    answer_rate: Share = Field(description="The chance that its phone is picked up.")
    talks: float = Field(description="How many talks the evidence amounts to, in the plan's vertical.")
    talk_s: int = Field(description="The minimum duration of its usual offer.")
    talk_rate: Share = Field(description="The chance that a talk lasts that long.")
    alarms: int = Field(description="How often it got so much worse that what had been learned before was dropped.")


class BuyerShown(_Part):
    """One buyer of one plan, how it stands now and how it did lately."""

    plan: str = Field(description="The plan's name.")
    buyer: str = Field(description="Its name under the plan's buyers.")
    adapter: str = Field(description="Which partner's format it speaks.")
    mode: str = Field(description="Which of the adapter's ways of asking.")
    buys: Literal["calls", "leads", "clicks"] | None = Field(description="What it buys.")
    enabled: bool = Field(description="False when the dialplan keeps it without asking it.")
    switched_off: SwitchShown | None = Field(description="Null while it is on.")
    health: HealthShown = Field(description="Of its account.")
    limits: list[LimitShown] = Field(description="The partner's rate windows.")
    caps: list[CapShown] = Field(description="The plan's caps.")
    concurrency: ConcurrencyShown | None = Field(description="Null where the plan has no limit.")
    lately: LatelyShown | None = Field(description="Null while the call ledger does not answer.")
    payout: PayoutShown = Field(description="Of its offers lately.")
    believed: BelievedShown | None = Field(description="From it offers are valued; null of what buys no calls.")


class BuyersShown(_Part):
    """Every buyer of every loaded plan."""

    buyers: list[BuyerShown] = Field(description="In the plans' order.")


class BuyerBook(Protocol):
    """Buyers as the API uses them: `callrouter.calls.buyers.Buyers`. ``None``: no such buyer.

    May raise `EngineUnavailable`.
    """

    async def all(self) -> Sequence[Shown]:
        """Every buyer."""
        ...

    async def one(self, plan: str, buyer: str) -> Shown | None:
        """One buyer of a plan."""
        ...

    async def switch_off(self, plan: str, buyer: str, by: str, why: str | None = None) -> Shown | None:
        """Ask it no more."""
        ...

    async def switch_on(self, plan: str, buyer: str, by: str) -> Shown | None:
        """Ask it again."""
        ...

    async def forgive(self, plan: str, buyer: str, by: str) -> Shown | None:
        """Forget how its phone was answered and how long its talks lasted."""
        ...


def buyer_routes(door: Door, book: BuyerBook) -> list[Endpoint]:
    """The list, the single buyer, its switch, and forgiving."""

    async def listed(request: Request) -> Response:
        return json_answer({"buyers": list(await book.all())})

    async def single(request: Request) -> Response:
        return _answer(await book.one(*_names(request)))

    async def off(request: Request) -> Response:
        by, why = holder_of(request).name, body_of(request, OffBody).why
        return _answer(await book.switch_off(*_names(request), by, why))

    async def on(request: Request) -> Response:
        return _answer(await book.switch_on(*_names(request), holder_of(request).name))

    async def forgive(request: Request) -> Response:
        return _answer(await book.forgive(*_names(request), holder_of(request).name))

    shown: dict[int, type[BaseModel] | None] = {200: BuyerShown}
    one = [
        PathParameter("plan", _NAME, "The plan's name.", "auto-insurance", of="buyer"),
        PathParameter("buyer", _NAME, "The buyer's name under the plan's buyers.", "letsmakealead", of="buyer"),
    ]
    lists = Action(OPERATORS, listed, "How every buyer stands", query=NoQuery, answers={200: BuyersShown})
    shows = Action(OPERATORS, single, "How one buyer stands", answers=shown)
    turns_off = Action(
        *(OPERATORS, off, "Switch a buyer off", "It is asked no more; offers in hand may still be dialled."),
        body=OffBody,
        body_optional=True,
        answers=shown,
    )
    turns_on = Action(OPERATORS, on, "Switch a buyer on again", body=OnBody, body_optional=True, answers=shown)
    forgives = Action(
        *(OPERATORS, forgive, "Forgive a buyer", _FORGIVING),
        body=ForgiveBody,
        body_optional=True,
        answers=shown,
    )
    path = f"{PATH}/{{plan}}/{{buyer}}"
    return [
        endpoint(PATH, door, {"GET": lists}),
        endpoint(path, door, {"GET": shows}, one),
        endpoint(f"{path}/off", door, {"POST": turns_off}, one),
        endpoint(f"{path}/on", door, {"POST": turns_on}, one),
        endpoint(f"{path}/forgive", door, {"POST": forgives}, one),
    ]


def _names(request: Request) -> tuple[str, str]:
    return request.path_params["plan"], request.path_params["buyer"]


def _answer(found: Shown | None) -> Response:
    if found is None:
        raise not_found("buyer")
    return json_answer(dict(found))
