"""What we ask of Twilio's conferences: legs brought in, held and let go, and who is in one.

A leg that is placed twice rings twice, so nothing here is ever sent again by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from callrouter.carrier.seam import (
    BringIn,
    CallIn,
    EndsRoom,
    EnterRoom,
    InRoom,
    Order,
    Ordered,
    OrderResult,
    PutOnHold,
    Release,
    Room,
    Tell,
)
from callrouter.carrier.twilio.twiml import PUSH_LIMIT, ROOM_EVENTS, render
from callrouter.carrier.twilio.urls import Urls
from callrouter.dialplan import Plan

UPDATE_TIMEOUT_S = 1.2
CREATE_TIMEOUT_S = 2.5
"""Longer: whether a leg was placed is worth knowing."""
GONE = frozenset({20404, 21220})
"""Error codes: no such thing; call not in progress."""
LABEL_TAKEN = 16025
TOO_MANY = 429
LEG_EVENTS = ("initiated", "ringing", "answered", "completed")
_LIVE_ROOMS = frozenset({"init", "in-progress"})
_NOT_IN = frozenset({"queued", "connecting", "ringing", "complete", "failed"})

log = logging.getLogger("callrouter.carrier")


async def carry_out(twilio: Any, order: Order, plan: Plan | None, urls: Urls) -> Ordered:
    """Give Twilio one order, once. ``urls`` are those of the order's call. Never raises."""
    from twilio.base.exceptions import TwilioException, TwilioRestException

    document = _document(order, plan, urls)
    if len(document) > PUSH_LIMIT:
        log.error("document too long to push", extra={"characters": len(document)})
        return Ordered(OrderResult.REFUSED, why="document too long")
    fields = {"order": type(order).__name__, "label": order.label}
    try:
        async with asyncio.timeout(CREATE_TIMEOUT_S if isinstance(order, CallIn) else UPDATE_TIMEOUT_S):
            return await _sent(twilio, order, document, plan.plan if plan else "", urls)
    except TwilioRestException as error:
        said = _refusal(order, error.status, error.code)
        log.info("order refused", extra={**fields, "code": error.code, "status": error.status, "taken": said.result})
        return said
    except (TimeoutError, aiohttp.ClientError, OSError, TwilioException) as error:
        log.warning("order may be lost", extra={**fields, "why": type(error).__name__})
        return Ordered(OrderResult.UNKNOWN, why=type(error).__name__)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        log.error("the carrier's answer to an order cannot be read", extra={**fields, "why": type(error).__name__})
        return Ordered(OrderResult.UNKNOWN, why=type(error).__name__)


async def live_room(twilio: Any, name: str) -> Room | None:
    """The conference of this name that has not ended, with those who are in it and do not only ring."""
    found = await twilio.conferences.list_async(friendly_name=name, limit=20)
    live = next((room for room in found if str(room.status) in _LIVE_ROOMS), None)
    if live is None:
        return None
    legs = await twilio.conferences(live.sid).participants.list_async(limit=50)
    there = [leg for leg in legs if str(leg.status) not in _NOT_IN]
    return Room(str(live.sid), tuple(InRoom(str(leg.call_sid), str(leg.label or ""), bool(leg.hold)) for leg in there))


def _document(order: Order, plan: Plan | None, urls: Urls) -> str:
    match order:
        case BringIn():
            return render(EnterRoom(order.room, order.label, order.starts), plan, urls)
        case Tell():
            return render(order.command, plan, urls)
        case _:
            return ""


async def _sent(twilio: Any, order: Order, document: str, plan: str, urls: Urls) -> Ordered:
    match order:
        case CallIn():
            return await _called_in(twilio, order, plan, urls)
        case BringIn() | Tell():
            return await _done(twilio.calls(order.leg_sid).update_async(twiml=document))
        case PutOnHold():
            seat = twilio.conferences(order.room_sid).participants(order.leg_sid)
            music = {"hold_url": urls.music(plan), "hold_method": "POST"} if order.on else {}
            return await _done(seat.update_async(hold=order.on, **music))
        case EndsRoom():
            seat = twilio.conferences(order.room_sid).participants(order.leg_sid)
            return await _done(seat.update_async(end_conference_on_exit=True))
        case Release():
            return await _done(twilio.calls(order.leg_sid).update_async(status="completed"))


async def _called_in(twilio: Any, order: CallIn, plan: str, urls: Urls) -> Ordered:
    token = {"call_token": order.call_token} if order.call_token else {}
    create: Callable[..., Awaitable[Any]] = twilio.conferences(order.room).participants.create_async
    leg = await create(
        from_=order.caller_id,
        to=order.address,
        label=order.label,
        timeout=order.ring_timeout_s,
        early_media=False,
        start_conference_on_enter=order.starts,
        end_conference_on_exit=False,
        beep="false",
        jitter_buffer_size="small",
        wait_url=urls.music(plan),
        wait_method="POST",
        status_callback=urls.party(order.label),
        status_callback_event=list(LEG_EVENTS),
        status_callback_method="POST",
        conference_status_callback=urls.room,
        conference_status_callback_event=list(ROOM_EVENTS),
        conference_status_callback_method="POST",
        **token,
    )
    return Ordered(OrderResult.DONE, leg_sid=leg.call_sid)


async def _done(update: Awaitable[object]) -> Ordered:
    await update
    return Ordered(OrderResult.DONE)


def _refusal(order: Order, status: int, code: int | None) -> Ordered:
    why = str(code or status)
    if code in GONE or status == 404:
        # A leg that is gone needs no hanging up.
        return Ordered(OrderResult.DONE if isinstance(order, Release) else OrderResult.GONE, why=why)
    if code == LABEL_TAKEN:
        # An order repeated after a lost answer: the leg of this label lives.
        return Ordered(OrderResult.DONE, why=why)
    if status == TOO_MANY or status >= 500 or status < 400:
        return Ordered(OrderResult.UNKNOWN, why=why)
    return Ordered(OrderResult.REFUSED, why=why)
