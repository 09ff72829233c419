"""Dialplans: the shape of one YAML file a plan.

Reading them from a folder, with every mistake at once, is ``plans/``.
The docstrings of the fields are the descriptions in ``dialplans/schema.json``.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from pydantic import Field, PrivateAttr, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from callrouter.dialplan.guards import Guards
from callrouter.dialplan.section import (
    AUDIO_PATTERN,
    E164,
    EMAIL_PATTERN,
    FILE_PATTERN,
    URL_PATTERN,
    URL_WITHOUT_QUERY_PATTERN,
    Constant,
    Dollars,
    Name,
    Region,
    Section,
    TimeOfDay,
    mistake,
)
from callrouter.domain.call import CallKind
from callrouter.domain.decision import PolicyName

RETENTION_DAYS = 90
"""For how many days callers stay in the records of a plan that does not say, or that is gone."""


class Numbers(Section):
    """The numbers that lead into the plan; at least one."""

    inbound: tuple[E164, ...] = ()
    """Callers dial these; transfer_type 1."""
    transfer: tuple[E164, ...] = ()
    """Agents transfer callers to these; transfer_type 2."""


class Intake(Section):
    """How the caller's zip is learned."""

    zip: Literal["ask", "caller_id", "ask_then_caller_id"] = "ask"
    """Ask the caller, take the carrier's word for it, or ask and fall back on the carrier."""
    attempts: int = Field(default=2, ge=1, le=5)
    """How often it is asked."""
    timeout_s: int = Field(default=5, ge=2, le=15)
    """Seconds to wait for a key or a word."""


class Auction(Section):
    """How long buyers may take, and the least that is taken."""

    deadline_s: float = Field(default=10, ge=0.5, le=25)
    """No reply is waited for beyond this many seconds."""
    fast_answer_s: float = Field(default=1.5, ge=0, le=2)
    """How many seconds the first webhook may stay open before the caller hears hold audio."""
    post_s: float = Field(default=5, ge=0.5, le=15)
    """How many seconds a buyer that names its number only in a second step may take for that step."""
    floor: Dollars = Decimal(0)
    """The lowest payout taken, in dollars."""
    policy: PolicyName = "expected_value"
    """Which offer is dialled, and what is waited for. ``expected_value``: what is worth most, from what is learned of
    buyers and callers, waiting only while that is worth more. ``highest_payout``: once all have answered.
    ``priority``: by the buyers' ``priority`` and ``weight``."""
    max_wait_s: float | None = Field(default=None, ge=0, le=25)
    """With an offer in hand no caller is kept waiting for a better one beyond this many seconds; left out, the policy
    decides, up to ``deadline_s``."""
    min_offers: int = Field(default=1, ge=1, le=20)
    """How many offers are to be in hand before one is dialled, as long as others may come and ``max_wait_s`` lasts."""


class Bridge(Section):
    """How an offer is dialled."""

    ring_s: int = Field(default=20, ge=5, le=60)
    """Seconds that a buyer's phone may ring."""
    max_attempts: int = Field(default=4, ge=1, le=10)
    """How many dials one caller is kept for."""
    caller_id: Literal["caller"] | E164 = "caller"
    """What buyers see: the caller's own number, or a number that we own."""
    early_hangup_s: int = Field(default=5, ge=0, le=60)
    """A buyer that hangs up within this many seconds counts as failed, and the caller is offered on; not one whose
    stated minimum duration was reached."""
    allow_regions: tuple[Region, ...] = ()
    """Further NANP regions (``PR``, ``JM``, …) whose numbers buyers may name."""


class BuyerEntry(Section):
    """One buyer of the plan."""

    adapter: Name
    """Which partner's format it speaks: a folder of ``callrouter/buyers``, or of yours."""
    mode: str
    """Which of the adapter's ways of asking; its README lists them."""
    url: str | None = Field(default=None, pattern=URL_PATTERN)
    """Where requests go; the adapter's README says which of the four a mode wants."""
    ping_url: str | None = Field(default=None, pattern=URL_PATTERN)
    """Where pings go, when posts go elsewhere."""
    post_url: str | None = Field(default=None, pattern=URL_PATTERN)
    """Where posts go, when pings go elsewhere."""
    xml_url: str | None = Field(default=None, pattern=URL_PATTERN)
    """Where XML goes, when forms go elsewhere."""
    method: Literal["form", "json", "get", "xml"] = "form"
    """How requests are encoded, where the mode leaves a choice."""
    template: str | None = Field(default=None, pattern=FILE_PATTERN)
    """The lead XML: a file beside the dialplan, in Jinja2 syntax, for modes that send one."""
    credentials: dict[str, SecretStr] = Field(default_factory=dict)
    """Secrets under the partner's own names; write ``env:NAME``."""
    params: dict[str, Constant] = Field(default_factory=dict)
    """Constants sent on every request under the partner's own names, exactly as written."""
    offer_ttl_s: float = Field(default=30, ge=1, le=3600)
    """The window: seconds after the reply in which the dial must start."""
    caches_bid: bool = False
    """Whether a repeated ping brings the bid that it made before: such a bid keeps its first expiry."""
    priority: int = Field(default=1, ge=1, le=100)
    """Of the policy ``priority``: 1 is served first."""
    weight: float = Field(default=1, gt=0, le=1000)
    """Of the policy ``priority``: buyers of one priority come first in proportion to their weights."""
    enabled: bool = True
    """``false`` keeps the buyer in the file without asking it."""
    guards: Guards = Guards()
    """When this buyer is not asked, whatever it would pay."""
    _template_text: str = PrivateAttr(default="")

    @property
    def template_text(self) -> str:
        """What stands in the ``template`` file; filled in by whoever reads the dialplan."""
        return self._template_text

    def with_template(self, text: str) -> "BuyerEntry":
        """This entry with its template's text."""
        entry = self.model_copy()
        entry._template_text = text
        return entry


class Hours(Section):
    """Between which times of day a person may be called, in every zone that the person could be in."""

    from_: TimeOfDay = Field(default="08:00", alias="from")
    """Not before."""
    to: TimeOfDay = "21:00"
    """Not after."""

    @model_validator(mode="after")
    def _in_order(self) -> "Hours":
        if self.from_ >= self.to:
            raise mistake("from", "must be before to")
        return self


class StandIn(Section):
    """What the dialler is told when we don't know the person's name or e-mail, which it requires."""

    first_name: str = Field(min_length=1)
    surname: str = Field(min_length=1)
    email: str = Field(pattern=EMAIL_PATTERN)


class Callback(Section):
    """How a person whose call was not placed is called back, through the dialler."""

    url: str = Field(pattern=URL_WITHOUT_QUERY_PATTERN)
    """The part before ``/lead/add``."""
    key: SecretStr
    """The dialler's API key; write ``env:NAME``."""
    type: str = Field(min_length=1)
    """The dialler's lead type."""
    subtype: str | None = None
    """The dialler's lead subtype."""
    delay_s: int = Field(default=600, ge=0, le=86_400)
    """Seconds from the call's end until the person is called back."""
    deadline_s: int = Field(default=86_400, ge=60, le=604_800)
    """After this many seconds an undelivered callback is given up and kept as a dead letter."""
    hours: Hours = Hours()
    stand_in: StandIn


class Unsold(Section):
    """What becomes of a call that was not placed."""

    sell_lead: tuple[Name, ...] = ()
    """Lead buyers, by their names under ``buyers``; asked only with consent, the best price first."""
    after_sale: Literal["callback", "none"] = "callback"
    """Whether a person whose lead was sold is called back all the same."""
    callback: Callback | None = None
    """Left out, nobody is called back."""


class Transfers(Section):
    """How agents hand callers over."""

    renew_before_s: float = Field(default=5, ge=1, le=60)
    """While the agent still talks an offer is asked for anew, this many seconds before too little of it is left to
    ring the buyer."""
    open_s: int = Field(default=600, ge=60, le=7200)
    """After this many seconds a transfer that nobody closed is given up; when the agent dials herself, half an hour
    and so many seconds after that."""
    agent_ring_s: int = Field(default=25, ge=5, le=60)
    """Seconds that an agent's or a caller's phone may ring when it is called into the room."""
    payout_for: tuple[Literal["agent", "ops", "system"], ...] = ("agent", "ops", "system")
    """Which roles see what an offer pays."""


class Prompts(Section):
    """What the caller hears."""

    language: str = "en-US"
    """Language of the words, and of the speech that is understood."""
    voice: str | None = None
    """The carrier's name of a voice."""
    ask_zip: str = "Thanks for calling. To connect you, please enter or say your five digit zip code."
    """The first question."""
    ask_pin: str = "Please enter the transfer pin, or the caller's five digit zip code, then press pound."
    """The question to an agent's dialler whose transfer we cannot tell."""
    ask_zip_again: str = "Sorry, I did not get that. Please enter or say your five digit zip code."
    """The question when the answer was no zip."""
    hold: str = "Thank you. Please hold while we find the right person for you."
    """Said once, before the hold audio."""
    hold_audio: str = Field(default="tone", pattern=AUDIO_PATTERN)
    """``tone`` (ours) or an absolute URL."""
    unsold_callback: str = "Everyone is busy right now. We will call you back shortly. Goodbye."
    """Nobody took the call, and a callback is promised."""
    unsold: str = "Everyone is busy right now. Please try again later. Goodbye."
    """Nobody took the call, and no callback is possible."""
    failed_callback: str = "We are sorry, something went wrong on our side. We will call you back shortly. Goodbye."
    """We failed, and a callback is promised."""
    failed: str = "We are sorry, something went wrong on our side. Please try again later. Goodbye."
    """We failed, and no callback is possible."""


class Plan(Section):
    """One dialplan."""

    plan: Name
    """The plan's name, in records and metrics."""
    vertical: Name | None = None
    """What these callers want. Plans of one vertical learn together how long callers talk with a buyer, and how long
    they hold; left out, the plan's name."""
    numbers: Numbers
    intake: Intake = Intake()
    auction: Auction = Auction()
    bridge: Bridge = Bridge()
    buyers: dict[Name, BuyerEntry] = Field(min_length=1)
    """Who is asked, each under a name of your choice."""
    unsold: Unsold = Unsold()
    transfers: Transfers = Transfers()
    prompts: Prompts = Prompts()
    retention_days: int = Field(default=RETENTION_DAYS, ge=1, le=3650)
    """After so many days a call's record has no people in it any more: a keyed hash stands for the caller's number, and
    names and what buyers were sent are gone. Money, times and results stay."""

    @model_validator(mode="after")
    def _whole(self) -> "Plan":
        found = disagreements(self.all_numbers, tuple(self.buyers), self.unsold.sell_lead)
        if found:
            raise PydanticCustomError("mistakes", "keys disagree", {"found": found})
        return self

    def kind_of(self, number: str) -> CallKind | None:
        """How a call to ``number`` came in, or ``None`` when it is not this plan's."""
        if number in self.numbers.inbound:
            return CallKind.INBOUND
        return CallKind.TRANSFER if number in self.numbers.transfer else None

    @property
    def vertical_name(self) -> str:
        """Under which name what its callers do is learned."""
        return self.vertical or self.plan

    @property
    def call_buyers(self) -> dict[str, BuyerEntry]:
        """Who takes part in its auctions: all but those that are there to buy leads."""
        return {name: entry for name, entry in self.buyers.items() if name not in self.unsold.sell_lead}

    @property
    def all_numbers(self) -> tuple[str, ...]:
        """Inbound and transfer numbers."""
        return (*self.numbers.inbound, *self.numbers.transfer)


def disagreements(numbers: Sequence[str], buyers: Collection[str], sell_lead: Sequence[str]) -> list[tuple[str, str]]:
    """What is wrong between keys that are each right by themselves: the key, and what to do about it."""
    found = []
    if not numbers:
        found.append(("numbers", "name at least one inbound or transfer number"))
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    if twice:
        found.append(("numbers", f"name each number once; twice there: {', '.join(twice)}"))
    unknown = [name for name in sell_lead if name not in buyers]
    if unknown:
        found.append(("unsold.sell_lead", f"add {', '.join(unknown)} under buyers, or remove it here"))
    return found
