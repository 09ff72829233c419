"""``callrouter check --live``: each partner's documented test request, sent."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import aiohttp
from pydantic import SecretStr

from callrouter.auction.exchange import without_secrets
from callrouter.buyers.base import Account, Ask
from callrouter.buyers.base.sheet import FieldRule, Mode, Sheet, Step
from callrouter.buyers.loader import Buyer
from callrouter.callbacks.delivery import DiallerDelivery
from callrouter.callbacks.outcome import DeliveryOutcome
from callrouter.commands.configuration import Configuration
from callrouter.commands.tables import table
from callrouter.commands.trying import prepare, send
from callrouter.dialplan import BuyerEntry, Callback, Plan
from callrouter.domain.caller import Caller
from callrouter.domain.clock import Clock
from callrouter.domain.offer import Decline

SAMPLE = Caller(
    phone="+15125550100",
    zip="78701",
    state="TX",
    first_name="Test",
    last_name="Test",
    email="test@example.com",
    address="1 Test Street",
    city="Austin",
    ip="192.0.2.1",
    consent=True,
)
"""Nobody: the number, the e-mail and the address of the machine are reserved for examples."""

NOT_TRIED = "not tried"
_HEADS = ("plan", "partner", "call", "target", "verdict", "ms", "about")


@dataclass(frozen=True)
class Row:
    """What one partner's test request came to. ``ok`` is ``None`` when there is none to send."""

    plan: str
    partner: str
    call: str
    target: str
    verdict: str
    ok: bool | None
    ms: int | None = None
    about: str = ""


async def try_all(configuration: Configuration, clock: Clock) -> list[Row]:
    """One after the other, so that no partner's limit is touched."""
    rows = []
    for plan in configuration.plans.by_name.values():
        for name, entry in plan.buyers.items():
            rows.append(await _buyer(configuration, clock, plan, name, entry))
        if plan.unsold.callback is not None:
            rows += await _dialler(clock, plan, plan.unsold.callback)
    return rows


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows by the names of their columns."""
    return [asdict(row) for row in rows]


def page(rows: Sequence[Row]) -> str:
    """A table, and in a sentence how it ended."""
    cells = [(r.plan, r.partner, r.call, r.target, r.verdict, r.ms, r.about) for r in rows]
    failed = sum(row.ok is False for row in rows)
    tried = sum(row.ok is not None for row in rows)
    end = f"{failed} of {tried} failed." if failed else f"{tried} tried, and all of them work."
    return f"\n{table(_HEADS, cells, right=('ms',))}\n{end}\n"


async def _buyer(configuration: Configuration, clock: Clock, plan: Plan, name: str, entry: BuyerEntry) -> Row:
    known = configuration.catalogue.get(entry.adapter)
    mode = known.sheet.modes[entry.mode]
    step: Step = mode.steps[0]
    row = Row(plan.plan, name, mode.endpoint(step).call, "", NOT_TRIED, None)
    if not entry.enabled:
        return replace(row, about="enabled: false")
    if mode.test is None:
        return replace(row, about=_why_not(mode))
    account = _as_tested(configuration.catalogue.account(name, entry), mode)
    return await _tried(row, clock, plan, known, account, step)


async def _tried(row: Row, clock: Clock, plan: Plan, known: Buyer, account: Account, step: Step) -> Row:
    ask = Ask(sid="check", transfer_type=1, caller=sample(known.sheet, account, step), plan=plan.plan)
    prepared = prepare(known, ask, account, plan.auction.deadline_s, step)
    if isinstance(prepared, Decline):
        return replace(row, verdict=prepared.reason.value, ok=False, about=prepared.detail or "")
    answered = await send(prepared, clock, plan.auction.deadline_s, plan.all_numbers)
    test = known.sheet.modes[account.mode].test
    said = (answered.verdict.detail if isinstance(answered.verdict, Decline) else None) or (test.note if test else "")
    return replace(
        row,
        target=without_secrets(prepared.request.url),
        verdict=answered.label,
        ok=answered.meaningful,
        ms=round(answered.elapsed_s * 1000),
        about=said,
    )


def _why_not(mode: Mode) -> str:
    if mode.ping is None:
        return "the partner documents no test request, and this one would sell"
    return "the partner documents no test request; `callrouter ping` asks it for real"


def sample(sheet: Sheet, account: Account, step: Step) -> Caller:
    """Nobody, with something in every field that this request cannot do without."""
    lacking = {
        name: rule
        for name, rule in sheet.fields.items()
        if rule.source is None and name not in account.params and (rule.required_in(step) or rule.required_in("ping"))
    }
    return SAMPLE.updated(fields={name: _something(rule) for name, rule in lacking.items()})


def _something(rule: FieldRule) -> str:
    if rule.one_of:
        return rule.one_of[0]
    return next((text for text in ("test", "1") if rule.pattern is None or re.fullmatch(rule.pattern, text)), "test")


def _as_tested(account: Account, mode: Mode) -> Account:
    """The account with what the partner's document changes in it for tests."""
    if mode.test is None:
        return account
    secrets = {name: SecretStr(value) for name, value in mode.test.credentials.items()}
    return replace(
        account, params={**account.params, **mode.test.params}, credentials={**account.credentials, **secrets}
    )


async def _dialler(clock: Clock, plan: Plan, callback: Callback) -> list[Row]:
    target = without_secrets(callback.url.rstrip("/") + "/lead/add")
    started = clock.monotonic()
    async with aiohttp.ClientSession() as session:
        delivery = DiallerDelivery(session, lambda _: callback, clock)
        reply = await delivery.try_format(callback, {"phone": SAMPLE.phone, "plan": plan.plan})
    ms = round((clock.monotonic() - started) * 1000)
    ok = reply.outcome is DeliveryOutcome.TEST_OK
    added = Row(plan.plan, "dialler", "/lead/add", target, reply.outcome.value, ok, ms, reply.detail or "test: true")
    about = "the dialler documents no test of it"
    cancelled = Row(plan.plan, "dialler", "/lead/cancel", "", NOT_TRIED, None, None, about)
    return [added, cancelled]
