"""Simulated buyers and dialler, with scripted latencies and faults."""

from callrouter.simulator.partners.answers import Answer, PartnerBid, PartnerCommit, PartnerOffer, PartnerRequest
from callrouter.simulator.partners.callconnectleads import SimulatedCallConnectLeads, SoldLead
from callrouter.simulator.partners.contactability import Ad, Leg, SimulatedContactability
from callrouter.simulator.partners.contactability_leads import ContactabilitySale, LeadLeg
from callrouter.simulator.partners.dialler import LeadAdd, LeadCancel, SimulatedDialler
from callrouter.simulator.partners.faults import Fault
from callrouter.simulator.partners.lmal import SimulatedLmal

__all__ = [
    "Ad",
    "Answer",
    "ContactabilitySale",
    "Fault",
    "LeadAdd",
    "LeadCancel",
    "LeadLeg",
    "Leg",
    "PartnerBid",
    "PartnerCommit",
    "PartnerOffer",
    "PartnerRequest",
    "SimulatedCallConnectLeads",
    "SimulatedContactability",
    "SimulatedDialler",
    "SimulatedLmal",
    "SoldLead",
]
