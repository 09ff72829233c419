"""Every buyer as operations see it: how it stands and did lately, what was learned of it, its caps and its switch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console.callbacks import distance_words
from callrouter.console.console import Console
from callrouter.console.forms import Trouble, form_of
from callrouter.console.moments import epoch
from callrouter.console.pages import HOME, OPERATIONS, guarded, redirect, render
from callrouter.console.plain_words import family_of, money_words, reason_words, seconds_words, utc_words
from callrouter.console.sessions import Session
from callrouter.errors import NotFound

PATH = f"{HOME}/buyers"
MOST_WHY_CHARS = 200
_PERIODS = {1: "a second", 60: "a minute", 3_600: "an hour", 86_400: "a day"}
_ASKED = {
    "calls": "It is asked for every call that suits it.",
    "leads": "It is asked for the lead of an unsold call, where the plan says so and the person consents.",
    "clicks": "It buys clicks, and is asked for no call.",
}
_EACH = {"hour": "an hour", "day": "a day", "month": "a month", "ever": "in all"}
_CAPS = {"attempts": "dials", "connects": "connected calls", "qualified": "qualified calls", "dollars": "dollars"}


@dataclass(frozen=True)
class Meter:
    """Something of which there is so much."""

    words: str
    used: float
    most: float
    after: str

    @property
    def share(self) -> str:
        """``53 of 10,000``."""
        return f"{_number(self.used)} of {_number(self.most)}"

    @property
    def full(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.most


@dataclass(frozen=True)
class Card:
    """One buyer of a plan on the screen."""

    plan: str
    buyer: str
    status: str
    tone: str
    why: str
    """What stands behind the status."""
    enabled: bool
    off: bool
    meters: Sequence[Meter]
    rates: Sequence[tuple[str, str]]
    reasons: Sequence[tuple[str, str, str, int]]
    """Words, code, family, how often."""
    errors: Sequence[Mapping[str, str]]
    lately: bool
    """Whether the ledger said how it did."""
    believed: str
    """What was learned of it, in a sentence or two; empty of what buys no calls."""
    forgivable: bool
    """Whether anything was learned that can be forgotten."""


def card(shown: Mapping[str, Any], now: float) -> Card:
    """Read one buyer's shape of ``GET /api/v1/buyers`` at ``now`` (epoch seconds). Pure."""
    status, tone, why = _status(shown, now)
    lately = shown.get("lately") or {}
    reasons = sorted((lately.get("reasons") or {}).items(), key=lambda item: -item[1])
    return Card(
        plan=shown["plan"],
        buyer=shown["buyer"],
        status=status,
        tone=tone,
        why=why,
        enabled=bool(shown["enabled"]),
        off=bool(shown.get("switched_off")),
        meters=_meters(shown, now),
        rates=_rates(lately, shown.get("payout") or {}, dialled=shown.get("buys") in (None, "calls")),
        reasons=[(reason_words(code), code, family_of(code), count) for code, count in reasons],
        errors=[
            {
                "at": utc_words(error.get("at")),
                "sid": error.get("sid") or "",
                "words": reason_words(error["reason"]),
                "detail": error.get("detail") or "",
            }
            for error in lately.get("last_errors") or ()
        ],
        lately=shown.get("lately") is not None,
        believed=_believed(shown.get("believed")),
        forgivable=_learned(shown.get("believed") or {}),
    )


def _status(shown: Mapping[str, Any], now: float) -> tuple[str, str, str]:
    off, health = shown.get("switched_off"), shown.get("health") or {}
    if not shown["enabled"]:
        return "Disabled", "", "The dialplan has it disabled; only the file can enable it."
    if off:
        why = f": {off['why']}" if off.get("why") else ""
        return "Switched off", "warn", f"By {off.get('by') or 'somebody'}, {utc_words(off.get('at'))} UTC{why}"
    if health.get("state") == "unhealthy":
        probe = epoch(health.get("next_probe_at"))
        again = f"; tried again {distance_words(probe - now)}" if probe is not None and probe > now else ""
        return "Failing", "bad", f"{_share(health.get('failing_share'))} of its latest replies failed{again}."
    return "On", "good", _ASKED.get(str(shown.get("buys")), _ASKED["calls"])


def _meters(shown: Mapping[str, Any], now: float) -> list[Meter]:
    meters = [
        Meter(f"requests {_period(rate['per_s'])}", rate["used"], rate["calls"], "")
        for rate in shown.get("limits") or ()
    ]
    for cap in shown.get("caps") or ():
        resets = epoch(cap.get("resets_at"))
        after = f"{_amount(cap, 'left')} left"
        after += f"; begins anew {distance_words(resets - now)}" if resets is not None else ""
        of = _CAPS.get(cap["of"], cap["of"])
        used = float(cap["used"]) + float(cap.get("reserved") or 0)
        meters.append(Meter(f"{of} {_EACH.get(cap['per'], cap['per'])}", used, float(cap["limit"]), after))
    seats = shown.get("concurrency")
    if seats:
        meters.append(Meter("callers at once", seats["in_use"], seats["limit"], ""))
    return meters


def _amount(cap: Mapping[str, Any], name: str) -> str:
    return money_words(str(cap[name])) if cap["of"] == "dollars" else str(cap[name])


def _rates(lately: Mapping[str, Any], payout: Mapping[str, Any], *, dialled: bool) -> list[tuple[str, str]]:
    if not lately:
        return []
    dials = [
        ("Dialled", str(lately["dials"])),
        ("Answered", f"{lately['answered']} ({_share(lately['answer_rate'])})"),
    ]
    return [
        ("Asked", str(lately["asked"])),
        ("Offers", f"{lately['offers']} ({_share(lately['offer_rate'])})"),
        *(dials if dialled else ()),
        ("Highest offer", money_words(payout.get("highest"))),
        ("Average offer", money_words(payout.get("average"))),
    ]


def _learned(believed: Mapping[str, Any]) -> bool:
    return bool(believed.get("dials") or believed.get("talks"))


def _believed(believed: Mapping[str, Any] | None) -> str:
    if believed is None:
        return ""
    after_s, usual, known = believed["offer_after_s"], believed["usual_offer"], _learned(believed)
    if not believed["requests"] and not known:
        return "Nothing yet: its offers are valued like the average buyer's."
    asked = f"It makes an offer in {_share(believed['offer_rate'])} of cases"
    asked += f", usually {money_words(usual['payout'])}" if usual else ""
    asked += f" after {seconds_words(after_s)}" if after_s is not None else ""
    taken = "Its" if known else "Of its phone and its talks nothing is known yet; like the average buyer's, its"
    phone = (
        f"{taken} phone is expected to be picked up in {_share(believed['answer_rate'])} of dials, and"
        f" {_share(believed['talk_rate'])} of talks to last {believed['talk_s']} s."
    )
    worse = f" It got much worse {_times(believed['alarms'])}." if believed["alarms"] else ""
    return f"{f'{asked}. ' if believed['requests'] else ''}{phone}{worse}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _number(amount: float) -> str:
    return f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.2f}"


def _share(share: float | None) -> str:
    return "–" if share is None else f"{float(share):.0%}"


def _period(seconds: float) -> str:
    return _PERIODS.get(int(seconds), f"in {seconds:g} s")


def routes(console: Console) -> list[Route]:
    """The list, the switch, and forgiving."""

    async def page(request: Request, session: Session) -> Response:
        now = console.clock.now()
        cards = [card(shown, now) for shown in await console.buyers.all()] if console.buyers else []
        cards.sort(key=lambda each: (each.plan, {"bad": 0, "warn": 1, "good": 2}.get(each.tone, 3), each.buyer))
        told = {
            "off": "is switched off: nothing more goes to it",
            "on": "is switched on: the next caller is offered to it",
            "forgiven": "is forgiven, in every plan: in a moment its offers are valued like the average buyer's",
        }
        plan, buyer = request.query_params.get("plan"), request.query_params.get("buyer")
        words = told.get(request.query_params.get("told", ""))
        known = any(each.plan == plan and each.buyer == buyer for each in cards)
        notice = f"{buyer} of {plan} {words}." if words and known else None
        return render(
            request, session, "buyers.html", cards=cards, told=notice, path_here=PATH, most_why=MOST_WHY_CHARS
        )

    async def off(request: Request, session: Session) -> Response:
        plan, buyer = request.path_params["plan"], request.path_params["buyer"]
        why = form_of(request).get("why", "")
        if not why:
            raise Trouble(
                HTTPStatus.UNPROCESSABLE_ENTITY, "it is still on", "write why it is switched off, and repeat it"
            )
        if len(why) > MOST_WHY_CHARS:
            raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "it is still on", f"write at most {MOST_WHY_CHARS} letters")
        if console.buyers is None or await console.buyers.switch_off(plan, buyer, session.name, why) is None:
            raise NotFound("buyer")
        return redirect(request, f"{PATH}?told=off&plan={plan}&buyer={buyer}")

    async def on(request: Request, session: Session) -> Response:
        plan, buyer = request.path_params["plan"], request.path_params["buyer"]
        if console.buyers is None or await console.buyers.switch_on(plan, buyer, session.name) is None:
            raise NotFound("buyer")
        return redirect(request, f"{PATH}?told=on&plan={plan}&buyer={buyer}")

    async def forgive(request: Request, session: Session) -> Response:
        plan, buyer = request.path_params["plan"], request.path_params["buyer"]
        if console.buyers is None or await console.buyers.forgive(plan, buyer, session.name) is None:
            raise NotFound("buyer")
        return redirect(request, f"{PATH}?told=forgiven&plan={plan}&buyer={buyer}")

    return [
        Route(PATH, guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{PATH}/{{plan}}/{{buyer}}/off", guarded(console, OPERATIONS, off), methods=["POST"]),
        Route(f"{PATH}/{{plan}}/{{buyer}}/on", guarded(console, OPERATIONS, on), methods=["POST"]),
        Route(f"{PATH}/{{plan}}/{{buyer}}/forgive", guarded(console, OPERATIONS, forgive), methods=["POST"]),
    ]
