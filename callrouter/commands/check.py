"""``callrouter check``: is everything well configured, and what is in effect?"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callrouter.auction.exchange import without_secrets
from callrouter.buyers.loader import OTHER_URLS, Catalogue
from callrouter.commands.configuration import Configuration, read_configuration
from callrouter.commands.guards_shown import guards_shown
from callrouter.commands.live import as_json, page, try_all
from callrouter.commands.policy_shown import policy_shown, unwise_policy
from callrouter.commands.tables import table
from callrouter.dialplan import Callback, Plan
from callrouter.dialplan.guards import WEEKDAYS
from callrouter.domain.clock import SystemClock
from callrouter.errors import Mistake
from callrouter.settings import effective, warnings


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the effective values, and what the partners answer. Raises `ConfigurationError` with every mistake."""
    configuration = read_configuration(environ, try_data_dir=True, try_exemplars=True, try_stores=True)
    found = _found(configuration)
    if not arguments.json:
        sys.stdout.write(_page(found))
        sys.stdout.flush()
    rows = asyncio.run(try_all(configuration, SystemClock())) if arguments.live else []
    if arguments.json:
        sys.stdout.write(json.dumps({**found, **({"live": as_json(rows)} if arguments.live else {})}, indent=2) + "\n")
    elif arguments.live:
        sys.stdout.write(page(rows))
    return 1 if any(row.ok is False for row in rows) else 0


def _found(configuration: Configuration) -> dict[str, Any]:
    plans = configuration.plans.by_name.values()
    return {
        "settings": [{"name": n, "value": v, "from": source} for n, v, source in effective(configuration.settings)],
        "plans": [
            {
                "plan": plan.plan,
                "inbound": list(plan.numbers.inbound),
                "transfer": list(plan.numbers.transfer),
                "callback": plan.unsold.callback is not None,
                "effective": _effective(plan),
                "buyers": [_buyer(configuration.catalogue, plan, name) for name in plan.buyers],
            }
            for plan in plans
        ],
        "warnings": [str(each) for each in (*warnings(configuration.settings), *_unwise(configuration))],
    }


def _buyer(catalogue: Catalogue, plan: Plan, name: str) -> dict[str, Any]:
    entry = plan.buyers[name]
    addresses = [getattr(entry, key) for key in ("url", *OTHER_URLS)]
    return {
        "buyer": name,
        "adapter": entry.adapter,
        "mode": entry.mode,
        "method": catalogue.account(name, entry).method,
        "url": ", ".join(without_secrets(address) for address in addresses if address),
        "template": entry.template,
        "offer_ttl_s": entry.offer_ttl_s,
        "enabled": entry.enabled,
        "priority": entry.priority,
        "weight": entry.weight,
        "buys": catalogue.buys(entry),
        "sells_leads": name in plan.unsold.sell_lead,
        "guards": guards_shown(entry.guards),
    }


def _unwise(configuration: Configuration) -> list[Mistake]:
    """What is allowed in a plan, and hardly meant."""
    plans = configuration.plans.by_name.values()
    found = [(plan.plan, key, remedy) for plan in plans for key, remedy in _unwise_in(configuration.catalogue, plan)]
    return [Mistake(f"plan {plan}", key, remedy) for plan, key, remedy in found]


def _unwise_in(catalogue: Catalogue, plan: Plan) -> Iterator[tuple[str, str]]:
    asked = {name: entry for name, entry in plan.buyers.items() if entry.enabled}
    if not any(catalogue.buys(entry) == "calls" for entry in asked.values()):
        yield "buyers", "none that is enabled buys calls, so no call will be bridged"
    for name, entry in asked.items():
        if catalogue.buys(entry) == "leads" and name not in plan.unsold.sell_lead:
            yield f"buyers.{name}", "it buys leads and is offered none; name it under unsold.sell_lead"
        hours = entry.guards.hours
        if hours is not None and not any(hours.on(day) for day in WEEKDAYS):
            remedy = "no day has a span, so it is never asked; write the days' spans, such as '00:00-24:00'"
            yield f"buyers.{name}.guards.hours", remedy
    yield from unwise_policy(plan)


def _effective(plan: Plan) -> dict[str, Any]:
    """The plan's values by their keys in the file, defaults included."""
    callback = plan.unsold.callback
    return {
        **policy_shown(plan),
        "intake.zip": plan.intake.zip,
        "intake.attempts": plan.intake.attempts,
        "intake.timeout_s": plan.intake.timeout_s,
        "auction.deadline_s": plan.auction.deadline_s,
        "auction.fast_answer_s": plan.auction.fast_answer_s,
        "auction.post_s": plan.auction.post_s,
        "auction.floor": f"{plan.auction.floor:.2f}",
        "bridge.ring_s": plan.bridge.ring_s,
        "bridge.max_attempts": plan.bridge.max_attempts,
        "bridge.early_hangup_s": plan.bridge.early_hangup_s,
        "bridge.caller_id": plan.bridge.caller_id,
        "bridge.allow_regions": ", ".join(plan.bridge.allow_regions) or "none",
        "transfers.renew_before_s": plan.transfers.renew_before_s,
        "transfers.open_s": plan.transfers.open_s,
        "transfers.agent_ring_s": plan.transfers.agent_ring_s,
        "transfers.payout_for": ", ".join(plan.transfers.payout_for) or "nobody",
        "unsold.sell_lead": ", ".join(plan.unsold.sell_lead) or "nobody",
        **({"unsold.after_sale": plan.unsold.after_sale} if plan.unsold.sell_lead else {}),
        **(_effective_callback(callback) if callback is not None else {}),
        "retention_days": plan.retention_days,
    }


def _effective_callback(callback: Callback) -> dict[str, Any]:
    return {
        "unsold.callback.delay_s": callback.delay_s,
        "unsold.callback.hours": f"{callback.hours.from_} to {callback.hours.to}",
        "unsold.callback.deadline_s": callback.deadline_s,
    }


def _page(found: Mapping[str, Any]) -> str:
    parts = [table(("setting", "value", "from"), [(s["name"], s["value"], s["from"]) for s in found["settings"]])]
    for plan in found["plans"]:
        callback = "promised" if plan["callback"] else "none"
        parts.append(
            f"\nplan {plan['plan']}\n"
            f"  inbound   {', '.join(plan['inbound']) or '-'}\n"
            f"  transfer  {', '.join(plan['transfer']) or '-'}\n"
            f"  callback  {callback}\n"
        )
        values = table(("key", "value"), [(key, _plain(value)) for key, value in plan["effective"].items()])
        parts += [_indented(values), "\n"]
        parts.append(_indented(_buyers(plan["buyers"], served=plan["effective"]["auction.policy"] == "priority")))
        guards = [(b["buyer"], key, value) for b in plan["buyers"] for key, value in b["guards"].items()]
        if guards:
            parts += ["\n", _indented(table(("buyer", "guard", "value"), guards))]
    parts += [f"\nwarning: {warning}" for warning in found["warnings"]]
    return "".join(parts) + ("\n" if found["warnings"] else "") + "\nEverything is in order.\n"


def _buyers(buyers: Sequence[Mapping[str, Any]], *, served: bool) -> str:
    """A line each; ``served``: with its place, for the plan goes by that."""
    heads = [
        "buyer",
        "adapter",
        "mode",
        "method",
        "window",
        *(["priority", "weight"] if served else []),
        "url",
        "asked",
    ]
    rows = [
        (
            *(b[key] for key in ("buyer", "adapter", "mode", "method")),
            f"{b['offer_ttl_s']:g} s",
            *([b["priority"], _plain(b["weight"])] if served else []),
            b["url"],
            _asked(b),
        )
        for b in buyers
    ]
    return table(heads, rows)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asked(buyer: Mapping[str, Any]) -> str:
    if not buyer["enabled"]:
        return "no (enabled: false)"
    if buyer["buys"] == "leads":
        return "about leads" if buyer["sells_leads"] else "no (not under unsold.sell_lead)"
    return "about calls" if buyer["buys"] == "calls" else "no (`callrouter ping` tries it)"
