"""The agents' door to warm transfers: what the API and the console call."""

from dataclasses import dataclass

from callrouter.domain.caller import Caller
from callrouter.transfers.shown import AgentWanted, BridgeWanted, DialledWanted, TransferShown


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

    async def open(self, opening: Opening, by: Holder, received_at: float) -> TransferShown:
        """Ask the buyers, within the plan's deadline; the transfer with its offer, or with the reasons for none."""
        raise NotImplementedError

    async def get(self, sid: str, by: Holder) -> TransferShown:
        """How it stands now, from the engine; for a day or two after its end, too."""
        raise NotImplementedError

    async def mine(self, by: Holder) -> list[TransferShown]:
        """The transfers of this holder that have not ended, newest first."""
        raise NotImplementedError

    async def bridge(self, sid: str, wanted: BridgeWanted, by: Holder) -> TransferShown:
        """Bring agent and caller into a room and ring the buyer."""
        raise NotImplementedError

    async def following(self, sid: str, by: Holder) -> TransferShown:
        """Pass the present offer, or the buyer that rings or talks, over for the next one."""
        raise NotImplementedError

    async def complete(self, sid: str, by: Holder) -> TransferShown:
        """The agent leaves; caller and buyer go on."""
        raise NotImplementedError

    async def cancel(self, sid: str, by: Holder) -> TransferShown:
        """Give it up; the caller stays with the agent."""
        raise NotImplementedError

    async def dialled(self, sid: str, wanted: DialledWanted, by: Holder) -> TransferShown:
        """The agent dials the shown number herself, or says what came of it."""
        raise NotImplementedError
