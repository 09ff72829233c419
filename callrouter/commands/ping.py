"""``callrouter ping``: one live request to one buyer, shown with its reply and what that means."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from callrouter.buyers.base import Ask, Quote
from callrouter.buyers.loader import Catalogue
from callrouter.commands.trying import Answered, Prepared, prepare, send
from callrouter.dialplan import Plan
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock, SystemClock
from callrouter.domain.offer import Decline
from callrouter.domain.phone import caller_number
from callrouter.errors import CallrouterError, ConfigurationError, Mistake, NotFound
from callrouter.places.zips import lookup
from callrouter.plans import Plans, load_plans
from callrouter.settings import read_settings


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Ask, send, show. Raises `CallrouterError`."""
    settings = read_settings(environ, serving=False)
    catalogue = Catalogue.load(settings.buyers)
    plan = _plan(load_plans(settings.dialplans, environ, catalogue.check_entry, catalogue.buys), arguments.plan)
    entry = plan.buyers.get(arguments.buyer)
    if entry is None:
        raise NotFound(f"plan {plan.plan} has no buyer {arguments.buyer}; it has {', '.join(plan.buyers)}")
    known, account = catalogue.get(entry.adapter), catalogue.account(arguments.buyer, entry)
    if known.sheet.modes[entry.mode].ping is None:
        raise CallrouterError(
            f"{arguments.buyer}: {entry.mode} has no step that only asks; any request would sell the person's data"
        )
    floor = plan.auction.floor if known.sheet.modes[entry.mode].buys == "calls" else Ask.floor
    ask = Ask(sid="ping", transfer_type=arguments.transfer_type, caller=_caller(arguments), floor=floor, plan=plan.plan)
    prepared = prepare(known, ask, account, plan.auction.deadline_s)
    if isinstance(prepared, Decline):
        _show(arguments, None, Answered(prepared, 0.0))
        return 1
    if not _agreed(arguments, prepared):
        raise CallrouterError("nothing was sent")
    answered = asyncio.run(_sent(prepared, SystemClock(), plan))
    _show(arguments, prepared, answered)
    return 0 if answered.meaningful else 1


async def _sent(prepared: Prepared, clock: Clock, plan: Plan) -> Answered:
    return await send(prepared, clock, plan.auction.deadline_s, plan.all_numbers)


def _plan(plans: Plans, name: str | None) -> Plan:
    if name is None and len(plans.by_name) == 1:
        return next(iter(plans.by_name.values()))
    if name is None:
        raise ConfigurationError([Mistake("ping", "--plan", f"say which: {', '.join(plans.by_name)}")])
    try:
        return plans.by_name[name]
    except KeyError:
        raise NotFound(f"no plan {name}; there is {', '.join(plans.by_name)}") from None


def _caller(arguments: argparse.Namespace) -> Caller:
    place = lookup(arguments.zip)
    if place is None:
        raise ConfigurationError([Mistake("ping", "--zip", "there is no such zip; write its five digits")])
    phone = caller_number(arguments.phone) if arguments.phone else None
    if arguments.phone and phone is None:
        raise ConfigurationError([Mistake("ping", "--phone", "write a North American number, such as +15125550100")])
    return Caller(
        phone=phone,
        zip=place.zip,
        state=arguments.state or place.state,
        first_name=arguments.first_name,
        last_name=arguments.last_name,
        email=arguments.email,
        address=arguments.address,
        city=arguments.city,
        ip=arguments.ip,
        consent={"yes": True, "no": False, None: None}[arguments.consent],
        fields=dict(arguments.field),
    )


def _agreed(arguments: argparse.Namespace, prepared: Prepared) -> bool:
    """Whether to send it: asked only of a person who sits there."""
    if arguments.yes or not sys.stdin.isatty():
        return True
    sys.stderr.write(f"{prepared.shown}\nSend this to {arguments.buyer}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(arguments: argparse.Namespace, prepared: Prepared | None, answered: Answered) -> None:
    doc = shown(arguments.buyer, prepared, answered)
    if arguments.json:
        sys.stdout.write(json.dumps(doc, indent=2) + "\n")
        return
    lines = [f"request\n{_indented(doc['request'])}" if doc["request"] else "request  none"]
    if doc["reply"] is not None:
        lines.append(f"reply    HTTP {doc['status']}\n{_indented(doc['reply'])}")
    elif doc["status"]:
        lines.append(f"reply    HTTP {doc['status']}")
    lines.append(f"verdict  {doc['verdict']}")
    about = doc["offer"] or doc["decline"]
    lines += [f"  {key:14} {value}" for key, value in about.items() if value not in (None, "", {}, [])]
    if doc["then"]:
        lines.append(f"then     {doc['then']}")
    lines.append(f"took     {doc['elapsed_ms']} ms")
    sys.stdout.write("\n".join(lines) + "\n")


def shown(buyer: str, prepared: Prepared | None, answered: Answered) -> dict[str, Any]:
    """The outcome as JSON."""
    verdict = answered.verdict
    return {
        "buyer": buyer,
        "request": prepared.shown if prepared else None,
        "status": answered.status,
        "reply": answered.reply,
        "verdict": answered.label,
        "offer": _offer(verdict) if isinstance(verdict, Quote) else None,
        "decline": {"buyer_code": verdict.buyer_code, "detail": verdict.detail}
        if isinstance(verdict, Decline)
        else None,
        "then": _then(prepared) if prepared and isinstance(verdict, Quote) else None,
        "elapsed_ms": round(answered.elapsed_s * 1000),
    }


def _then(prepared: Prepared) -> str | None:
    """What would follow an offer, where that is another request."""
    mode = prepared.known.sheet.modes[prepared.account.mode]
    if mode.post is None:
        return None
    brings = "names the number" if mode.buys == "calls" else "sells the lead"
    return f"its post ({mode.post.call}) {brings} and commits; it is not sent"


def _offer(quote: Quote) -> dict[str, Any]:
    return {
        "number": quote.number,
        "payout": f"{quote.payout:.2f}" if quote.payout_stated else None,
        "min_duration_s": quote.min_duration_s if quote.min_duration_stated else None,
        "provider": quote.provider,
        "buyer_ref": quote.buyer_ref,
        "details": dict(quote.details),
        "ads": [dict(ad) for ad in quote.ads],
    }


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
