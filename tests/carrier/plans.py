"""A dialplan whose words the carrier's documents use."""

from typing import Any

from callrouter.dialplan import Plan

BUYER = {
    "adapter": "letsmakealead",
    "mode": "one_step",
    "url": "https://buyer.example/ping",
    "credentials": {"partnerid": "P1", "key": "lmal-key-of-tests"},
}


def a_plan(**sections: Any) -> Plan:
    """The plan ``auto`` with these sections."""
    whole = {"plan": "auto", "numbers": {"inbound": ["+18885550100"]}, "buyers": {"letsmakealead": BUYER}}
    return Plan.model_validate({**whole, **sections})
