"""A simulated carrier that executes our documents over real HTTP, signs, retries and hangs up."""

from callrouter.simulator.carrier.call import SimulatedCall
from callrouter.simulator.carrier.carrier import SimulatedCarrier
from callrouter.simulator.carrier.outbound import OutboundLeg
from callrouter.simulator.carrier.records import (
    DialRecord,
    DocumentRecord,
    MediaRecord,
    ParticipantRecord,
    RestRecord,
    RoomRecord,
    Sound,
    WebhookRecord,
)
from callrouter.simulator.carrier.scripts import (
    CallerScript,
    CarrierFaults,
    CarrierTimings,
    HangUp,
    NumberConfig,
    PhoneScript,
)

__all__ = [
    "CallerScript",
    "CarrierFaults",
    "CarrierTimings",
    "DialRecord",
    "DocumentRecord",
    "HangUp",
    "MediaRecord",
    "NumberConfig",
    "OutboundLeg",
    "ParticipantRecord",
    "PhoneScript",
    "RestRecord",
    "RoomRecord",
    "SimulatedCall",
    "SimulatedCarrier",
    "Sound",
    "WebhookRecord",
]
