"""The agents' door to warm transfers: what the API and the console call."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from random import Random

from callrouter.calls import transferring
from callrouter.calls.auctioneer import Auctioneer
from callrouter.calls.progress import Applied, Progress, UnknownCall
from callrouter.calls.selling import Decide
from callrouter.carrier.seam import Carrier, Leg
from callrouter.dialplan import Plan
from callrouter.domain.call import AttemptResult, Call, CallState
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.domain.phone import BadTarget, caller_number, check_target
from callrouter.domain.transfer import Agent, Transfer
from callrouter.errors import CarrierUnavailable, NotFound
from callrouter.places.zips import lookup
from callrouter.transfers.showing import shown
from callrouter.transfers.shown import AgentWanted, BridgeWanted, DialledWanted, TransferShown

ANSWER_S = 1.0
"""What may pass after an auction's deadline until it is decided."""
LOOK_AGAIN_S = 0.2
LOOK_TRIES = 4
PIN_TRIES = 5

log = logging.getLogger("callrouter.transfers")


@dataclass(frozen=True)
class Holder:
    """Who asks: the role and the name of a token. Agents reach only the transfers that they opened themselves."""

    role: str
    name: str


class TransferRefused(Exception):
    """What was asked cannot be done as the transfer stands. ``why`` says so, ``remedy`` what to do instead."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why = why
        self.remedy = remedy


@dataclass(frozen=True)
class Opening:
    """What a transfer is opened with; ``plan`` is a plan's name, ``caller`` has a phone and, if known, a zip."""

    plan: str
    caller: Caller
    agent: AgentWanted
    caller_call_sid: str | None = None


class Desk:
    """Every method raises `NotFound` for a transfer that is not there or not the holder's, `TransferRefused`, and
    `EngineUnavailable`."""

    def __init__(
        self,
        *,
        progress: Progress,
        auctioneer: Auctioneer,
        carrier: Carrier,
        clock: Clock,
        rng: Random,
        plans: Callable[[], Mapping[str, Plan]],
        known_caller: Callable[[str], Awaitable[Caller | None]],
        own_numbers: Container[str],
        went_on: Callable[[Applied], None],
    ) -> None:
        self._progress = progress
        self._auctioneer = auctioneer
        self._carrier = carrier
        self._clock = clock
        self._rng = rng
        self._plans = plans
        self._known_caller = known_caller
        self._own_numbers = own_numbers
        self._went_on = went_on

    async def open(self, opening: Opening, by: Holder, received_at: float) -> TransferShown:
        """Ask the buyers, within the plan's deadline; the transfer with its offer, or with the reasons for none."""
        plan = self._plans().get(opening.plan)
        if plan is None:
            raise TransferRefused("there is no such plan", f"name one of {', '.join(sorted(self._plans()))}")
        caller = await self._caller(opening.caller)
        agent = self._agent(opening.agent, plan, caller.phone)
        sid = f"TR{self._rng.getrandbits(128):032x}"
        transfer = Transfer(
            agent=agent,
            opened_by=by.name,
            pin=await self._pin(),
            until=self._clock.now() + plan.transfers.open_s,
            caller_call_sid=opening.caller_call_sid,
        )
        to = (*plan.numbers.transfer, *plan.numbers.inbound)[0]
        applied = await self._progress.create(
            sid, "opened", plan, received_at, lambda at: transferring.opened(sid, to, caller, transfer, at)
        )
        self._went_on(applied)
        return await self._decided(sid, plan.auction.deadline_s + ANSWER_S, by)

    async def get(self, sid: str, by: Holder) -> TransferShown:
        """How it stands now, from the engine; for a day or two after its end, too."""
        return await self._shown(await self._of(sid, by), by)

    async def mine(self, by: Holder) -> list[TransferShown]:
        """The transfers of this holder that have not ended, newest first."""
        store = self._progress.store
        found = []
        for sid in await store.listed(store.keys.transfers_of(by.name)):
            call = (await store.load(sid)).call
            if call is not None and call.transfer is not None and call.state is not CallState.ENDED:
                found.append(await self._shown(call, by))
        return found

    async def bridge(self, sid: str, wanted: BridgeWanted, by: Holder) -> TransferShown:
        """Bring agent and caller into a room; the buyer is rung when both are there."""
        call = await self._open(sid, by)
        plan = self._plan(call)
        if call.transfer is None:
            raise NotFound(sid)
        agent = call.transfer.agent
        if wanted.agent is not None:
            agent = self._agent(wanted.agent, plan, call.caller.phone)
        caller_sid = wanted.caller_call_sid or call.transfer.caller_call_sid
        how = wanted.caller or ("live" if caller_sid else "merged")
        if how == "live" and caller_sid is None:
            raise TransferRefused("no call of the caller's is named", "give caller_call_sid, or call them")
        live_sid = caller_sid if how == "live" else None
        await self._theirs(agent.call_sid, {agent.phone, f"client:{agent.client}"}, sid, "the agent's call")
        await self._theirs(live_sid, {call.caller.phone}, sid, "the caller's call")
        meeting = transferring.Meeting(
            room=f"cr-{self._rng.getrandbits(128):032x}",
            agent=agent,
            caller_address=(call.caller.phone or "") if how == "call" else "",
            caller_sid=live_sid,
            call_token=await self._call_token(caller_sid),
        )
        return await self._done(sid, lambda c, at: transferring.bridged(c, meeting, at), by)

    async def following(self, sid: str, by: Holder) -> TransferShown:
        """Pass the present offer, or the buyer that rings or talks, over for the next one."""
        call = await self._open(sid, by)
        await self._done(sid, transferring.following, by)
        return await self._decided(sid, self._plan(call).auction.deadline_s + ANSWER_S, by)

    async def complete(self, sid: str, by: Holder) -> TransferShown:
        """The agent leaves; caller and buyer go on."""
        await self._open(sid, by)
        return await self._done(sid, transferring.completed, by)

    async def cancel(self, sid: str, by: Holder) -> TransferShown:
        """Give it up; the caller stays with the agent."""
        await self._of(sid, by)
        return await self._done(sid, transferring.cancelled, by)

    async def dialled(self, sid: str, wanted: DialledWanted, by: Holder) -> TransferShown:
        """The agent dials the shown number herself, or says what came of it."""
        call = await self._open(sid, by)
        if wanted.result is None:
            return await self._done(sid, transferring.own_dial, by)
        result = AttemptResult(wanted.result)
        attempt = call.attempt
        talk_s = wanted.talk_s if result is AttemptResult.BRIDGED else None
        if result is AttemptResult.BRIDGED and talk_s is None and attempt is not None:
            raise TransferRefused("how long they talked is not known", "give talk_s with bridged")
        return await self._done(sid, lambda c, at: transferring.own_dial_ended(c, result, talk_s, at), by)

    async def _open(self, sid: str, by: Holder) -> Call:
        """One that has not ended: what agents do with others would be lost without a word."""
        call = await self._of(sid, by)
        if call.state is CallState.ENDED:
            raise TransferRefused("this transfer has ended", "open a new one")
        return call

    async def _done(self, sid: str, decide: Decide, by: Holder) -> TransferShown:
        try:
            applied = await self._progress.apply(sid, "", self._clock.now(), decide)
        except transferring.NotNow as refusal:
            raise TransferRefused(refusal.why, refusal.remedy) from None
        except UnknownCall:
            raise NotFound(sid) from None
        self._went_on(applied)
        return await self._shown(applied.call, by)

    async def _decided(self, sid: str, timeout_s: float, by: Holder) -> TransferShown:
        """The transfer when its auction has closed, wherever that runs; or as it stands when the time is over."""
        end = self._clock.monotonic() + timeout_s
        await self._auctioneer.settled(sid, timeout_s)
        while True:
            call = await self._of(sid, by)
            if call.state is not CallState.AUCTION or self._clock.monotonic() >= end:
                return await self._shown(call, by)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _of(self, sid: str, by: Holder) -> Call:
        call = (await self._progress.store.load(sid)).call
        if call is None or call.transfer is None:
            raise NotFound(sid)
        if by.role == "agent" and call.transfer.opened_by != by.name:
            raise NotFound(sid)
        return call

    async def _shown(self, call: Call, by: Holder) -> TransferShown:
        replies = await self._progress.store.replies(call.sid)
        return shown(call, self._plan(call), replies, self._clock.now(), by.role)

    def _plan(self, call: Call) -> Plan:
        plan = self._progress.plan(call)
        if plan is None:
            raise TransferRefused("its plan is gone", "open a new one in another plan")
        return plan

    async def _caller(self, given: Caller) -> Caller:
        if given.phone is None:
            raise TransferRefused("the caller has no number that can be called", "give caller.phone")
        if given.phone in self._own_numbers:
            raise TransferRefused("the caller's number is one of our own numbers", "give the caller's in caller.phone")
        known = await self._known_caller(given.phone) or Caller(phone=given.phone)
        told = {name: value for name, value in given.model_dump().items() if name != "fields"}
        caller = known.updated(**told, fields={**known.fields, **given.fields})
        place = lookup(caller.zip) if caller.zip else None
        if place is None:
            raise TransferRefused("the caller's zip is not known", "ask for it and give caller.zip")
        return caller.updated(zip=place.zip, state=place.state)

    def _agent(self, wanted: AgentWanted, plan: Plan, caller: str | None) -> Agent:
        phone = None
        if wanted.phone is not None:
            try:
                phone = check_target(
                    wanted.phone, own=self._own_numbers, caller=caller, allow_regions=plan.bridge.allow_regions
                )
            except BadTarget as bad:
                raise TransferRefused(f"the agent's number cannot be called: {bad.why}", "give another") from None
        if wanted.call_sid is not None and phone is None and wanted.client is None:
            raise TransferRefused("nothing says whom the agent's call is with", "give agent.phone or agent.client too")
        return Agent(name=wanted.name, phone=phone, client=wanted.client, call_sid=wanted.call_sid)

    async def _theirs(self, leg_sid: str | None, who: set[str | None], sid: str, what: str) -> None:
        """A call is brought into a room only if it is theirs, whose it is said to be, and nowhere else with us."""
        if leg_sid is None:
            return
        leg = await self._looked_up(leg_sid)
        if leg is None or leg.status.final:
            raise TransferRefused(f"{what} is not live on our carrier", "name another, or have them called")
        sides = {leg.to, leg.from_raw, caller_number(leg.to), caller_number(leg.from_raw)}
        if not (who - {None, "client:None"}) & sides:
            raise TransferRefused(f"{what} is with another number", "name the call of that person")
        await self._free(leg_sid, sid, what)

    async def _free(self, leg_sid: str, sid: str, what: str) -> None:
        """A call that we are at work on is not torn out of it: the people on it would be lost."""
        store = self._progress.store
        own = (await store.load(leg_sid)).call
        if own is not None and own.state not in (CallState.BRIDGED, CallState.ENDED):
            raise TransferRefused(f"{what} is just being put through to a buyer", "let it be, or wait for its end")
        others = [other for other in await store.live_sids() if other != sid and other.startswith("TR")]
        for call, _ in await store.load_all(others):
            if call.transfer is not None and call.state is not CallState.ENDED and leg_sid in call.transfer.legs:
                raise TransferRefused(f"{what} is in another transfer", "end that one first")

    async def _looked_up(self, leg_sid: str) -> Leg | None:
        for left in reversed(range(LOOK_TRIES)):
            try:
                return await self._carrier.look_up(leg_sid)
            except CarrierUnavailable:
                if not left:
                    raise TransferRefused("the carrier cannot be asked just now", "try again") from None
            await asyncio.sleep(LOOK_AGAIN_S)
        return None

    async def _call_token(self, caller_sid: str | None) -> str | None:
        call = (await self._progress.store.load(caller_sid)).call if caller_sid else None
        return call.call_token if call is not None else None

    async def _pin(self) -> str:
        store = self._progress.store
        for _ in range(PIN_TRIES):
            pin = f"{self._rng.randrange(1_000_000):06d}"
            if await store.found_under(store.keys.ticket_pin(pin)) is None:
                break
        return pin
