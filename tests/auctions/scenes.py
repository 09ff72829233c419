"""Scripted auctions: buyers that answer after so long, on loopback and in virtual time."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from callrouter.auction.auction import Auction, OnResult
from callrouter.auction.budget import Budget
from callrouter.buyers.base import Ask
from callrouter.dialplan import Plan
from callrouter.domain.caller import Caller
from callrouter.domain.offer import BuyerResult, Offer
from tests.support.virtual_time import VirtualClock
from tests.wire.partner import Partner, failing, partner
from tests.wire.setting import Setting

CALLER = Caller(phone="+15125550123", zip="78701", state="TX")


def ask(floor: str = "1") -> Ask:
    return Ask(sid="CA1", transfer_type=1, caller=CALLER, floor=Decimal(floor))


def plan(origin: str, buyers: dict[str, Any], allow_regions: tuple[str, ...] = ()) -> Plan:
    """A plan whose buyers all speak the first shipped format, each at a path of its own."""
    entries = {
        name: {
            "adapter": "letsmakealead",
            "mode": "one_step",
            "url": f"http://127.0.0.1:1/{name}" if told.get("fault") == "refused" else f"{origin}/{name}",
            "credentials": {"partnerid": "P-SECRET", "key": f"K-{name}"},
            "params": {"numcategory": "12003", "subid": "ivr"},
            "offer_ttl_s": told.get("offer_ttl_s", 30),
            "enabled": told.get("enabled", True),
        }
        for name, told in buyers.items()
    }
    return Plan.model_validate(
        {
            "plan": "auto",
            "numbers": {"inbound": ["+18885550100"]},
            "bridge": {"allow_regions": list(allow_regions)},
            "buyers": entries,
        }
    )


def replies(buyers: dict[str, Any]) -> Any:
    """What the scripted buyers answer, by path."""

    async def answer(request: web.Request) -> web.StreamResponse:
        told = buyers[request.path.strip("/")]
        await asyncio.sleep(told.get("delay_s", 0))
        if "fault" in told:
            return await failing(told["fault"])(request)
        kind = told.get("content_type", "application/json")
        if "text" in told:
            return web.Response(body=told["text"].encode(), headers={"Content-Type": kind})
        body = {"status": "rejected", "code": told["code"]} if "code" in told else _accepted(told)
        return web.Response(body=json.dumps(body).encode(), headers={"Content-Type": kind})

    return answer


def _accepted(told: dict[str, Any]) -> dict[str, str]:
    return {
        "status": "accepted",
        "price": told["payout"],
        "duration": told.get("duration", "90"),
        "PhoneNumber": told.get("number", "8885550142"),
    }


def offered(buyer: str, payout: str, at: float) -> BuyerResult:
    """A result that an earlier owner of the auction had got."""
    offer = Offer(buyer=buyer, number="+18885550142", payout=Decimal(payout), received_at=at, expires_at=at + 30)
    return BuyerResult(buyer=buyer, offer=offer, asked_at=at - 1, elapsed_s=1)


@dataclass(frozen=True)
class Held:
    """What came of an auction in which everybody was heard to the end."""

    results: tuple[BuyerResult, ...]
    offers: tuple[Offer, ...]
    """Those alive, the dearest first."""
    closed_by: str


class Scene:
    """A running scene: the partner, the plan and the setting."""

    def __init__(self, here: Setting, there: Partner, plan: Plan) -> None:
        self.here, self.there, self.plan = here, there, plan

    async def hold(self, clock: VirtualClock, seconds: float, on_result: OnResult | None = None, **more: Any) -> "Held":
        """Hear every buyer to its end."""
        budget = Budget.of(seconds, clock)
        asks = more.pop("ask", ask())
        async with Auction(self.here.deps, self.plan, asks, budget, on_result=on_result, **more) as auction:
            while not auction.over:
                await auction.hear(seconds)
            await auction.reported()
        results = tuple(auction.results[buyer] for buyer in self.plan.call_buyers)
        dearest = sorted(auction.offers, key=lambda offer: (-offer.payout, offer.min_duration_s, offer.buyer))
        return Held(results, tuple(offer for offer in dearest if offer.expires_at > clock.now()), auction.closed_by)

    @property
    def asked(self) -> list[str]:
        """Who received a request."""
        return [seen.path.strip("/") for seen in self.there.seen]


async def opened(stack: AsyncExitStack, here: Setting, buyers: dict[str, Any], **more: Any) -> Scene:
    """Start the partner and make the plan."""
    there = await stack.enter_async_context(partner(replies(buyers)))
    return Scene(here, there, plan(there.origin, buyers, **more))


def scenes() -> list[Path]:
    return sorted(Path(__file__).parent.glob("*.json"))
