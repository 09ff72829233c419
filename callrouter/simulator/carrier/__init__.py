"""A simulated carrier that executes our documents over real HTTP, signs, retries and hangs up."""

from callrouter.simulator.carrier.call import SimulatedCall
from callrouter.simulator.carrier.carrier import SimulatedCarrier
from callrouter.simulator.carrier.records import (
    DialRecord,
    DocumentRecord,
    MediaRecord,
    RestRecord,
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
    "PhoneScript",
    "RestRecord",
    "SimulatedCall",
    "SimulatedCarrier",
    "Sound",
    "WebhookRecord",
]
