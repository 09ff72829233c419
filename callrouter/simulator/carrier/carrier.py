"""A whole simulated carrier: numbers, callers, phones, webhooks and REST."""

import random
from collections.abc import Mapping

from callrouter.domain.clock import Clock
from callrouter.simulator.background import Background
from callrouter.simulator.carrier.call import SimulatedCall
from callrouter.simulator.carrier.line import Direction
from callrouter.simulator.carrier.media import Media
from callrouter.simulator.carrier.outbound import OutboundLeg
from callrouter.simulator.carrier.records import (
    DocumentRecord,
    MediaRecord,
    ParticipantRecord,
    RestRecord,
    RoomRecord,
    WebhookRecord,
)
from callrouter.simulator.carrier.rest import RestSide
from callrouter.simulator.carrier.rooms import Rooms
from callrouter.simulator.carrier.scripts import (
    CallerScript,
    CarrierFaults,
    CarrierTimings,
    NumberConfig,
    PhoneScript,
)
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.twiml import Document, parse
from callrouter.simulator.carrier.webhooks import HostMap, Webhooks


class SimulatedCarrier:
    """Behaves like Twilio towards the product.

    ``webhook_host_map`` maps public base URLs to real ones: requests are signed for the public URL and sent
    to the real address, as a proxy that ends TLS would. Set numbers and phones before `place`; everything
    may be changed while calls run.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rng: random.Random,
        account_sid: str,
        auth_token: str,
        timings: CarrierTimings | None = None,
        webhook_host_map: Mapping[str, str] | None = None,
        rest_port: int = 0,
    ) -> None:
        timings = timings or CarrierTimings()
        hosts = HostMap(webhook_host_map if webhook_host_map is not None else {})
        self._background = Background()
        self.faults = CarrierFaults()
        self._webhooks = Webhooks(
            clock=clock,
            rng=rng,
            auth_token=auth_token,
            timings=timings,
            faults=self.faults,
            hosts=hosts,
            background=self._background,
        )
        self._media = Media(clock, rng, timings, hosts, self._webhooks)
        self._switch = Switch(
            clock=clock,
            rng=rng,
            timings=timings,
            faults=self.faults,
            account_sid=account_sid,
            webhooks=self._webhooks,
            media=self._media,
            background=self._background,
        )
        self._rooms = Rooms(self._switch)
        self._rest = RestSide(self._switch, self._rooms, auth_token, rest_port)
        self.calls: list[SimulatedCall] = []
        """Every caller who called one of our numbers."""
        self.standing: list[SimulatedCall] = []
        """Every call that was there already."""

    async def start(self) -> None:
        """Open the REST side and the HTTP client."""
        await self._webhooks.start()
        await self._rest.server.start()

    async def stop(self) -> None:
        """Drop every call without further callbacks, and close everything."""
        await self._background.stop()
        await self._webhooks.stop()
        await self._rest.server.stop()

    @property
    def rest_url(self) -> str:
        """The base of the REST side, for ``TWILIO_API_URL``."""
        return self._rest.server.base_url

    def configure_number(self, number: str, config: NumberConfig) -> None:
        """One of our numbers and its webhooks."""
        self._switch.numbers[number] = config

    def phone(self, number: str, *scripts: PhoneScript) -> None:
        """What a number does when dialled: one script a dial in turn, the last repeats."""
        self._switch.phones.set(number, scripts)

    @property
    def default_phone(self) -> PhoneScript:
        """What numbers do that `phone` was not told about."""
        return self._switch.phones.default

    @default_phone.setter
    def default_phone(self, script: PhoneScript) -> None:
        self._switch.phones.default = script

    def place(self, script: CallerScript) -> SimulatedCall:
        """A caller calls. Returns at once; the call runs by itself.

        Raises `KeyError` when ``script.to`` is not a configured number.
        """
        call = SimulatedCall(self._switch, self._rooms, script, self._switch.numbers[script.to])
        self.calls.append(call)
        self._background.spawn(call.run())
        return call

    def standing_call(self, from_: str, to: str, document: str, direction: Direction = "inbound") -> SimulatedCall:
        """A live, answered call that the product was never asked about, executing ``document``.

        ``outbound-api`` is a call from ``from_`` that ``to`` has answered. It has no webhooks of its own.
        Raises `BadDocument` when the document cannot be read.
        """
        script = CallerScript(from_=from_, to=to, zip_digits=None)
        record = DocumentRecord("", "pushed", None, document, self._switch.clock.now())
        first = Document(tuple(parse(document.encode())), None, record)
        call = SimulatedCall(self._switch, self._rooms, script, NumberConfig("", "", ""), direction, first)
        call.answer()
        self.standing.append(call)
        self._background.spawn(call.run())
        return call

    def hang_up(self, number_or_sid: str) -> None:
        """Whoever is on a live leg with this number or sid hangs up. Raises `KeyError` when nobody is."""
        legs = [(sid, party) for sid, party in self._switch.parties.items() if party.live]
        found = [party for sid, party in legs if number_or_sid in {sid, party.number}]
        if not found:
            raise KeyError(number_or_sid)
        for party in found:
            party.hang_up()

    def verify_number(self, number: str) -> None:
        """Let legs show a number that is not ours."""
        self._switch.verified.add(number)

    @property
    def outbound(self) -> list[OutboundLeg]:
        """Every leg that the product had called for a conference, oldest first."""
        return self._rest.outbound

    @property
    def rooms(self) -> list[RoomRecord]:
        """Every conference, oldest first, up to now."""
        for room in self._rooms.all:
            room.look()
        return [room.record for room in self._rooms.all]

    def lonely(self, longer_than_s: float) -> list[ParticipantRecord]:
        """Who was alone in a conference, or only with others on hold, for longer than that without a break."""
        participants = [participant for room in self.rooms for participant in room.participants]
        return [participant for participant in participants if participant.longest_alone_s > longer_than_s]

    @property
    def webhooks(self) -> list[WebhookRecord]:
        """Every request to the product, in the order in which they were sent."""
        return self._webhooks.records

    @property
    def media(self) -> list[MediaRecord]:
        """Every fetch of audio."""
        return self._media.records

    @property
    def documents(self) -> list[DocumentRecord]:
        """Every document that the product answered or pushed."""
        return self._switch.documents

    @property
    def rest_log(self) -> list[RestRecord]:
        """Every request to the REST side."""
        return self._rest.records

    @property
    def errors(self) -> list[BaseException]:
        """What went wrong inside the simulation itself; empty when it is sound."""
        return self._background.errors

    @property
    def idle(self) -> bool:
        """Whether no call and no callback is under way."""
        return self._background.idle
