"""Dialplans: one YAML file a plan says which numbers lead where, who is asked, and what becomes of the unsold."""

from callrouter.dialplan.guards import Cap, Duplicates, Guards, OpenHours
from callrouter.dialplan.plan import (
    RETENTION_DAYS,
    Auction,
    Bridge,
    BuyerEntry,
    Callback,
    Hours,
    Intake,
    Numbers,
    Plan,
    Prompts,
    StandIn,
    Transfers,
    Unsold,
    disagreements,
)
from callrouter.dialplan.section import PATTERN_REMEDIES, Section

__all__ = [
    "PATTERN_REMEDIES",
    "RETENTION_DAYS",
    "Auction",
    "Bridge",
    "BuyerEntry",
    "Callback",
    "Cap",
    "Duplicates",
    "Guards",
    "Hours",
    "Intake",
    "Numbers",
    "OpenHours",
    "Plan",
    "Prompts",
    "Section",
    "StandIn",
    "Transfers",
    "Unsold",
    "disagreements",
]
