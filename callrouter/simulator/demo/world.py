"""Everything around the service: carrier, two buyers and a dialler, and the dialplan that names them."""

import random
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from callrouter.domain.clock import Clock
from callrouter.simulator.carrier import CallerScript, NumberConfig, SimulatedCall, SimulatedCarrier
from callrouter.simulator.demo.handovers import Handover
from callrouter.simulator.partners import (
    Answer,
    SimulatedCallConnectLeads,
    SimulatedContactability,
    SimulatedDialler,
    SimulatedLmal,
)
from callrouter.simulator.partners.buyer import SimulatedBuyer
from callrouter.simulator.scenarios import Cast, Scenario

PLAN = "auto-insurance"
NUMBER = "+18885550100"
TRANSFER_NUMBER = "+18885550101"
AGENCY = "+18885550199"
"""What people have called who talk with an agent: a number on our carrier that callrouter does not answer."""
OFFER_TTL_S = 30.0
EARLY_HANGUP_S = 1
PACE = 0.03
SLOW_S = 6.0
"""Longer than the fast answer and the hold prompt, shorter than the auction's deadline: the caller hears hold audio."""
HELD_EVERY = 4
HELD_S = 3.0
"""A buyer's answer that comes after the fast answer: some callers wait for it, for others it is a late offer."""
JITTER_S = 0.05
"""How much closer requests may reach a buyer than they were sent."""

LEAD = Answer(latency_s=(0.2, 0.6), payout=Decimal("18.50"))
"""What the buyer of leads pays for everyone."""

FOR_STRANGERS = Answer(latency_s=(0.2, 0.8), payout=Decimal("31.50"), number="+14155550199", min_duration_s=20)
"""What a buyer offers whoever the run does not know: for those who try the console afterwards."""
_TALKS_ON = '<Response><Pause length="600"/><Hangup/></Response>'
_OVERRIDES = "#rc=2&rp=ct,rt,5xx&ct=800&rt=4000&tt=12000"
"""How patiently the carrier asks us, as the README advises for real numbers."""


def with_holds(cast: Sequence[Scenario]) -> list[Scenario]:
    """The same callers; one buyer of some is so slow that whoever waits for it hears the hold."""
    return [
        replace(scenario, lmal=replace(scenario.lmal, latency_s=HELD_S))
        if no % HELD_EVERY == 0 and scenario.story.bridges
        else scenario
        for no, scenario in enumerate(cast)
    ]


class DemoWorld:
    """``async with DemoWorld(…)``: the partners listen; `connect` points the carrier's number at the service."""

    def __init__(self, clock: Clock, seed: int, cast: Sequence[Scenario], handovers: Sequence[Handover] = ()) -> None:
        self.account_sid = "AC" + "0" * 32
        self.auth_token, lmal_key, token, leads_key, dialler_key = (secrets.token_hex(16) for _ in range(5))
        rng, play = random.Random(seed), Cast([*cast, *handovers])
        self.cast, self.handovers = cast, handovers
        self._play = play
        self.lmal = SimulatedLmal(clock=clock, rng=rng, partnerid="demo", key=lmal_key, answer=play.lmal)
        self.contactability = SimulatedContactability(
            clock=clock, rng=rng, token=token, answer=play.contactability, jitter_s=JITTER_S
        )
        self.leads = SimulatedCallConnectLeads(clock=clock, rng=rng, key=leads_key, answer=lambda params: LEAD)
        self.dialler = SimulatedDialler(clock=clock, rng=rng, key=dialler_key)
        self.carrier = SimulatedCarrier(clock=clock, rng=rng, account_sid=self.account_sid, auth_token=self.auth_token)
        play.set_phones(self.carrier)
        self._secrets = {"LMAL_KEY": lmal_key, "CONTACTABILITY_TOKEN": token, "DIALLER_KEY": dialler_key}
        self._secrets["CALLCONNECTLEADS_KEY"] = leads_key
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "DemoWorld":
        for server in (self.lmal, self.contactability, self.leads, self.dialler, self.carrier):
            await server.start()
            self._stack.push_async_callback(server.stop)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def buyers(self) -> dict[str, SimulatedBuyer]:
        """The simulated buyers of calls by their names in the dialplan."""
        return {"letsmakealead": self.lmal, "contactability": self.contactability}

    @property
    def environ(self) -> dict[str, str]:
        """What the service must know of its partners."""
        return {
            "TWILIO_API_URL": self.carrier.rest_url,
            "LMAL_URL": self.lmal.url,
            "CONTACTABILITY_URL": self.contactability.url,
            "CALLCONNECTLEADS_URL": self.leads.url,
            "DIALLER_URL": self.dialler.url,
            **self._secrets,
        }

    def connect(self, url: str) -> None:
        """Calls to the plan's number go to the service at ``url``."""
        config = NumberConfig(
            voice_url=f"{url}/twilio/voice{_OVERRIDES}",
            status_callback=f"{url}/twilio/status",
            fallback_url=f"{url}/twilio/fallback",
        )
        for number in (NUMBER, TRANSFER_NUMBER):
            self.carrier.configure_number(number, config)

    def place(self, scenario: Scenario) -> SimulatedCall:
        """The scenario's caller calls."""
        return self.carrier.place(scenario.caller)

    def transfer_in(self, phone: str) -> SimulatedCall:
        """An agent's dialler transfers the caller with this number to ours."""
        return self.carrier.place(CallerScript(from_=phone, to=TRANSFER_NUMBER, zip_digits=None))

    def on_the_line(self, phone: str) -> SimulatedCall:
        """The call of somebody who talks with an agent of ours."""
        return self.carrier.standing_call(phone, AGENCY, _TALKS_ON)

    def welcome_strangers(self) -> None:
        """From now on a buyer wants whoever is not of the cast."""
        self._play.strangers = FOR_STRANGERS

    def write_dialplan(self, folder: Path) -> None:
        """The plan as a file of ``folder``, secrets only by name."""
        folder.mkdir(parents=True)
        (folder / f"{PLAN}.yaml").write_text(yaml.safe_dump(_dialplan(), sort_keys=False))


def _dialplan() -> dict[str, Any]:
    return {
        "plan": PLAN,
        "numbers": {"inbound": [NUMBER], "transfer": [TRANSFER_NUMBER]},
        "intake": {"zip": "ask", "attempts": 2},
        "auction": {"deadline_s": 10, "fast_answer_s": 1.5, "floor": 5},
        "bridge": {"ring_s": 20, "max_attempts": 4, "caller_id": "caller", "early_hangup_s": EARLY_HANGUP_S},
        "buyers": {
            "letsmakealead": {
                "adapter": "letsmakealead",
                "mode": "one_step",
                "url": "env:LMAL_URL",
                "credentials": {"partnerid": "demo", "key": "env:LMAL_KEY"},
                "params": {"numcategory": 12003, "subid": "ivr"},
                "offer_ttl_s": OFFER_TTL_S,
            },
            "contactability": {
                "adapter": "contactability",
                "mode": "calls_ping",
                "url": "env:CONTACTABILITY_URL",
                "credentials": {"token": "env:CONTACTABILITY_TOKEN"},
                "params": {"lead_type": "auto"},
                "offer_ttl_s": OFFER_TTL_S,
            },
            "callconnectleads": {
                "adapter": "callconnectleads",
                "mode": "ping_post",
                "url": "env:CALLCONNECTLEADS_URL",
                "credentials": {"Key": "env:CALLCONNECTLEADS_KEY"},
                "params": {
                    "SRC": "demo",
                    "Landing_Page": "demo",
                    "Score": 50,
                    "Return_Best_Price": 1,
                    "Home_Improvement_Product": "Bathroom Remodel",
                },
            },
        },
        "unsold": {
            "sell_lead": ["callconnectleads"],
            "after_sale": "none",
            "callback": {
                "url": "env:DIALLER_URL",
                "key": "env:DIALLER_KEY",
                "type": "motor-trade",
                "delay_s": 600,
                "stand_in": {"first_name": "Caller", "surname": "Unknown", "email": "callback@example.com"},
            },
        },
        # Shorter than the shipped words, so that a call takes seconds.
        "prompts": {
            "ask_zip": "Please enter or say your zip code.",
            "ask_zip_again": "Sorry. Please enter your zip code again.",
            "hold": "One moment please.",
            "unsold_callback": "Everyone is busy. We will call you back.",
        },
    }
