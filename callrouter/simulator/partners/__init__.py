"""Simulated buyers and dialler, with scripted latencies and faults."""

from callrouter.simulator.partners.answers import Answer, PartnerOffer, PartnerRequest
from callrouter.simulator.partners.contactability import Leg, SimulatedContactability
from callrouter.simulator.partners.dialler import LeadAdd, LeadCancel, SimulatedDialler
from callrouter.simulator.partners.faults import Fault
from callrouter.simulator.partners.lmal import SimulatedLmal

__all__ = [
    "Answer",
    "Fault",
    "LeadAdd",
    "LeadCancel",
    "Leg",
    "PartnerOffer",
    "PartnerRequest",
    "SimulatedContactability",
    "SimulatedDialler",
    "SimulatedLmal",
]
