"""``callrouter explain``: who would be asked for a caller, who not and why, and what would follow."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal

from callrouter.api.callers import known_caller
from callrouter.api.query import moment
from callrouter.auction.guards import lowest
from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.worth import Weighing
from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.replies import NEWCOMERS_OFFER
from callrouter.beliefs.summary import NEWCOMERS_MEDIAN_S, summary_of
from callrouter.buyers.base import Ask
from callrouter.buyers.loader import Catalogue
from callrouter.calls.choosing import rules_of
from callrouter.calls.window import dial_by
from callrouter.carrier.seam import Capabilities
from callrouter.commands.attach import attached_engine, engine_exists
from callrouter.commands.believing import beliefs_now
from callrouter.commands.explain_page import Explained, Valued, as_json, page
from callrouter.commands.live import SAMPLE
from callrouter.commands.usual_course import Course, Reply, course
from callrouter.commands.would_be_asked import Candidate, Moment, candidates
from callrouter.dialplan import Plan
from callrouter.domain.caller import Caller
from callrouter.domain.clock import SystemClock
from callrouter.domain.offer import Offer
from callrouter.domain.phone import caller_number
from callrouter.engine.client import Engine
from callrouter.errors import ConfigurationError, Mistake, NotFound
from callrouter.places.zips import Place, lookup
from callrouter.plans import Plans, load_plans
from callrouter.settings import read_settings


@dataclass(frozen=True)
class _Asked:
    """What the command line says."""

    plan: Plan
    place: Place
    phone: str | None
    moment: Moment


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print it. Raises `CallrouterError`."""
    settings = read_settings(environ, serving=False)
    catalogue = Catalogue.load(settings.buyers)
    plans = load_plans(settings.dialplans, environ, catalogue.check_entry, catalogue.buys)
    asked = _read(arguments, plans)
    found = asyncio.run(_explained(asked, catalogue, environ, has_engine=engine_exists(settings)))
    sys.stdout.write(json.dumps(as_json(found), indent=2) + "\n" if arguments.json else page(found))
    return 0


def _read(arguments: argparse.Namespace, plans: Plans) -> _Asked:
    mistakes, now = [], SystemClock().now()
    place = lookup(arguments.zip)
    if place is None:
        mistakes.append(Mistake("explain", "--zip", "there is no such zip; write its five digits"))
    phone = caller_number(arguments.phone) if arguments.phone else None
    if arguments.phone and phone is None:
        mistakes.append(Mistake("explain", "--phone", "write a North American number, with its ten digits"))
    at = now
    try:
        at = moment(arguments.at) if arguments.at else now
    except ValueError as error:
        mistakes.append(Mistake("explain", "--at", str(error)))
    if mistakes or place is None:
        raise ConfigurationError(mistakes)
    return _Asked(_plan(plans, arguments.plan), place, phone, Moment(at, now))


def _plan(plans: Plans, name: str | None) -> Plan:
    if name is None and len(plans.by_name) == 1:
        return next(iter(plans.by_name.values()))
    if name is None:
        raise ConfigurationError([Mistake("explain", "--plan", f"say which: {', '.join(plans.by_name)}")])
    if name not in plans.by_name:
        raise NotFound(f"no plan {name}; there is {', '.join(plans.by_name)}")
    return plans.by_name[name]


async def _explained(asked: _Asked, catalogue: Catalogue, environ: Mapping[str, str], *, has_engine: bool) -> Explained:
    plan, moment_ = asked.plan, asked.moment
    async with _engine(environ, has_engine=has_engine) as engine:
        told = await known_caller(engine, asked.phone) if engine and asked.phone else None
        # Nobody's number: a caller has one, and buyers are asked with it.
        caller = (told or Caller()).updated(
            phone=asked.phone or SAMPLE.phone, zip=asked.place.zip, state=asked.place.state
        )
        ask = Ask(sid="explain", transfer_type=1, caller=caller, floor=plan.auction.floor, plan=plan.plan)
        found = await candidates(plan, catalogue, ask, engine, moment_, asked.phone)
        beliefs = await beliefs_now(engine) if engine else Beliefs()
    start = _start(plan, [each.buyer for each in found if not each.against], moment_.at)
    valued = _valued(start, [each for each in found if not each.against], ask, beliefs)
    usual = [reply for each in valued if (reply := _usual(each, catalogue)) is not None]
    return Explained(
        plan=plan,
        place=asked.place,
        phone_given=asked.phone is not None,
        told_of=tuple(sorted(told.model_dump(exclude_none=True, exclude_defaults=True))) if told else (),
        moment=moment_,
        engine=engine is not None,
        version=beliefs.version,
        learned_at=beliefs.learned_at if beliefs.version else None,
        asked=tuple(valued),
        not_asked=tuple(each for each in found if each.against),
        course=course(start, usual, beliefs) if valued else Course((), ()),
    )


@asynccontextmanager
async def _engine(environ: Mapping[str, str], *, has_engine: bool) -> AsyncIterator[Engine | None]:
    """The engine; ``None`` where no service has run yet: plans can be explained before the first one does."""
    if not has_engine:
        yield None
        return
    async with attached_engine(environ) as engine:
        yield engine


def _start(plan: Plan, buyers: list[str], at: float) -> Known:
    """The call when its buyers are asked."""
    deadline_at = at + plan.auction.deadline_s
    return Known(
        sid="explain",
        vertical=plan.vertical_name,
        since=at,
        deadline_at=deadline_at,
        tries_left=plan.bridge.max_attempts,
        in_hand=(),
        awaited=tuple(Asked(buyer, at, deadline_at) for buyer in buyers),
        rules=rules_of(plan),
    )


def _valued(start: Known, found: list[Candidate], ask: Ask, beliefs: Beliefs) -> list[Valued]:
    """What each buyer's usual offer is worth; in the plan's order of them, or by worth where that is the policy."""
    weighing = Weighing(start, beliefs, start.since)
    by_buyer = {}
    for each in found:
        summary = summary_of(beliefs, each.buyer, start.since)
        payout, min_s = summary.typical or NEWCOMERS_OFFER
        offer = InHand(each.buyer, Decimal(str(payout)), min_s, float("inf"))
        chances, worth = weighing.chances(each.buyer, min_s), weighing.dial(offer).win
        below = offer.payout < lowest(each.entry.guards, ask)
        by_buyer[each.buyer] = Valued(each, summary, offer, chances, worth, below_floor=below)
    if start.rules.policy == "expected_value":
        return sorted(by_buyer.values(), key=lambda value: (-value.worth, value.summary.buyer))
    alone = replace(start, awaited=(), in_hand=tuple(value.offer for value in by_buyer.values()))
    order = [dial.buyer for dial in decide(alone, beliefs, start.since).ranking]
    return [by_buyer[buyer] for buyer in order]


def _usual(value: Valued, catalogue: Catalogue) -> Reply | None:
    """What this buyer usually does when it is asked; ``None``: it keeps silent."""
    summary, entry = value.summary, value.candidate.entry
    after_s = summary.offer_after_s if value.usually_offers else summary.answer_after_s
    if summary.pings == 0:
        after_s = NEWCOMERS_MEDIAN_S
    if after_s is None:
        return None
    if not value.usually_offers or value.below_floor:
        return Reply(summary.buyer, after_s)
    post = catalogue.get(entry.adapter).sheet.modes[entry.mode].post is not None
    offer = Offer(
        buyer=summary.buyer,
        number="" if post else SAMPLE.phone or "",
        payout=value.offer.payout,
        received_at=0,
        expires_at=entry.offer_ttl_s,
    )
    return Reply(summary.buyer, after_s, offer.payout, value.offer.min_s, dial_by(offer, Capabilities()))
