"""``callrouter check``: is everything well configured, and what is in effect?"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from callrouter.commands.configuration import Configuration, read_configuration
from callrouter.commands.tables import table
from callrouter.dialplan import Callback, Plan
from callrouter.settings import effective, warnings


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the effective values. Raises `ConfigurationError` with every mistake."""
    found = _found(read_configuration(environ, try_data_dir=True))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else _page(found))
    return 0


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
                "buyers": [
                    {
                        "buyer": name,
                        "adapter": entry.adapter,
                        "mode": entry.mode,
                        "method": configuration.catalogue.account(name, entry).method,
                        "url": _without_secrets(entry.url or entry.ping_url or entry.xml_url or entry.post_url or ""),
                        "offer_ttl_s": entry.offer_ttl_s,
                        "enabled": entry.enabled,
                    }
                    for name, entry in plan.buyers.items()
                ],
            }
            for plan in plans
        ],
        "warnings": [*map(str, warnings(configuration.settings)), *_idle_keys(plans)],
    }


def _idle_keys(plans: Iterable[Plan]) -> list[str]:
    return [
        f"plan {plan.plan}: unsold.sell_lead: leads are not sold yet, the list does nothing; empty it until they are"
        for plan in plans
        if plan.unsold.sell_lead
    ]


def _effective(plan: Plan) -> dict[str, Any]:
    """The plan's values by their keys in the file, defaults included."""
    callback = plan.unsold.callback
    return {
        "intake.zip": plan.intake.zip,
        "intake.attempts": plan.intake.attempts,
        "auction.deadline_s": plan.auction.deadline_s,
        "auction.fast_answer_s": plan.auction.fast_answer_s,
        "auction.floor": f"{plan.auction.floor:.2f}",
        "bridge.ring_s": plan.bridge.ring_s,
        "bridge.max_attempts": plan.bridge.max_attempts,
        "bridge.early_hangup_s": plan.bridge.early_hangup_s,
        "bridge.caller_id": plan.bridge.caller_id,
        **(_effective_callback(callback) if callback is not None else {}),
    }


def _effective_callback(callback: Callback) -> dict[str, Any]:
    return {
        "unsold.callback.delay_s": callback.delay_s,
        "unsold.callback.hours": f"{callback.hours.from_} to {callback.hours.to}",
        "unsold.callback.deadline_s": callback.deadline_s,
    }


def _without_secrets(url: str) -> str:
    """A partner's URL without user, password and query: there may be secrets in them."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


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
        rows = [
            (b["buyer"], b["adapter"], b["mode"], b["method"], f"{b['offer_ttl_s']:g} s", b["url"], _asked(b))
            for b in plan["buyers"]
        ]
        listed = table(("buyer", "adapter", "mode", "method", "window", "url", "asked"), rows)
        parts.append(_indented(listed))
    parts += [f"\nwarning: {warning}" for warning in found["warnings"]]
    return "".join(parts) + ("\n" if found["warnings"] else "") + "\nEverything is in order.\n"


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _asked(buyer: Mapping[str, Any]) -> str:
    return "yes" if buyer["enabled"] else "no (enabled: false)"
