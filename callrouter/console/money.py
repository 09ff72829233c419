"""Money: what the calls of a period came to, by buyer, plan, day or hour, and which buyer ends calls short."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console.console import Console
from callrouter.console.pages import HOME, OPERATIONS, guarded, render, security_headers
from callrouter.console.plain_words import seconds_words
from callrouter.console.sessions import Session
from callrouter.domain.clock import rfc3339
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.flat_text import Form
from callrouter.ledger.periods import Period, day_of, period_of
from callrouter.ledger.report_columns import MEANINGS, flat
from callrouter.ledger.report_words import left_words, short_enders
from callrouter.ledger.totals import Asked, By, Line, Totals

PATH = f"{HOME}/money"
CALLS = f"{HOME}/calls"
ZONE = "UTC"
"""All of the console is in UTC."""
TABS = {By.BUYER: "By buyer", By.PLAN: "By plan", By.DAY: "By day", By.HOUR: "By hour"}
_MOST_CHARS = 64
_HOUR_S = 3_600


@dataclass(frozen=True)
class Question:
    """What is asked: the form as it was filled in, and what is wrong with it."""

    by: By
    first: str
    """The first day, or what was written for it."""
    last: str
    plan: str
    buyer: str
    period: Period
    wrong: Mapping[str, str]

    @property
    def asked(self) -> Asked:
        """It as the ledger is asked."""
        period = self.period
        return Asked(self.by, period.since, period.until, ZONE, plan=self.plan or None, buyer=self.buyer or None)

    def link(self, path: str = PATH, **changes: str) -> str:
        """The address of this question with some of it changed."""
        query = {"by": self.by.value, "from": self.first, "to": self.last, "plan": self.plan, "buyer": self.buyer}
        return f"{path}?{urlencode({name: value for name, value in (query | changes).items() if value})}"


@dataclass(frozen=True)
class Shown:
    """One line of the table, in words."""

    key: str
    calls_link: str
    """These calls in the log."""
    counts: Sequence[str]
    expected: str
    average: str
    median: str
    near: str
    near_by: Sequence[str]
    ends_short: bool
    expired: str
    left: str
    disputed: str


def question(query: Mapping[str, str], now: float) -> Question:
    """Read the form. Pure."""
    given = {name: _clean(query.get(name, "")) for name in ("by", "from", "to", "plan", "buyer")}
    by = By(given["by"]) if given["by"] in set(By) else By.BUYER
    first, last = _days(given["from"], given["to"], day_of(now, ZONE))
    wrong: dict[str, str] = {}
    period = Period()
    try:
        period = period_of(first, last, ZONE)
    except ValueError as error:
        option, _, remedy = str(error).partition(": ")
        name = option.removeprefix("--")
        wrong[name] = "This is before the first day." if "not before" in remedy else "Write a day, such as 2026-11-21."
    return Question(by, first, last, given["plan"], given["buyer"], period, wrong)


def _days(first: str, last: str, today: date) -> tuple[str, str]:
    """The days asked for; what is left out makes it the last seven, or up to today."""
    if not last:
        last = max(today.isoformat(), first)
    if not first:
        try:
            first = (date.fromisoformat(last) - timedelta(days=6)).isoformat()
        except (ValueError, OverflowError):
            first = today.isoformat()
    return first, last


def periods(asked: Question, now: float) -> list[tuple[str, str, bool]]:
    """The links to usual periods: name, address, whether it is this one. Pure."""
    today = day_of(now, ZONE)
    found = []
    for words, back, last_back in (("Today", 0, 0), ("Yesterday", 1, 1), ("7 days", 6, 0), ("30 days", 29, 0)):
        first, last = ((today - timedelta(days=days)).isoformat() for days in (back, last_back))
        here = (asked.first, asked.last) == (first, last)
        found.append((words, asked.link(**{"from": first, "to": last}), here))
    return found


def shown(line: Line, asked: Question, *, total: bool = False) -> Shown:
    """One line in words. Pure."""
    names = ("calls", "asked", "offered", "won", "dialled", "answered", "bridged", "qualified")
    return Shown(
        key="Total" if total else line.key,
        calls_link=_calls_link(asked, None if total else line.key),
        counts=[f"{getattr(line, name):,}" for name in names],
        expected=f"${line.expected:,.2f}",
        average=_talk(line.average_talk_s),
        median=_talk(line.median_talk_s),
        near=f"{line.near_misses:,}",
        near_by=[f"{who} {count:,}" for who, count in sorted(line.near_misses_by.items())],
        ends_short=line.ends_short,
        expired=f"{line.expired:,}",
        left=f"${line.left:,.2f}",
        disputed=f"{line.disputed_s:,} s",
    )


def _calls_link(asked: Question, key: str | None, **further: str) -> str:
    """The log of a line's calls; by buyer, those that it got."""
    query = {"from": asked.first, "to": asked.last, "plan": asked.plan, "buyer": asked.buyer}
    if key is not None and asked.by is By.HOUR:
        since = period_of(f"{key.replace(' ', 'T')}:00Z", None, ZONE).since or 0.0
        query |= {"from": rfc3339(since) or "", "to": rfc3339(since + _HOUR_S) or ""}
    elif key is not None:
        query |= {"from": key, "to": key} if asked.by is By.DAY else {asked.by.value: key}
    return f"{CALLS}?{urlencode({name: value for name, value in (query | further).items() if value})}"


def flags(found: Totals, asked: Question) -> list[tuple[str, str, str]]:
    """Each buyer that ends calls short: its name, the evidence, and its unpaid calls in the log. Pure."""
    unpaid = {"outcome": "bridged", "qualified": "no"}
    return [(line.key, f"{why[0].upper()}{why[1:]}.", _calls_link(asked, line.key, **unpaid))
            for line, why in short_enders(found)]  # fmt: skip


def _talk(seconds: float | None) -> str:
    return "–" if seconds is None else seconds_words(round(seconds))


def _clean(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_MOST_CHARS]


def _choices(known: Sequence[str], chosen: str) -> list[str]:
    return sorted({*known, *({chosen} if chosen else ())})


def routes(console: Console) -> list[Route]:
    """The page, and its table as CSV."""

    async def counted(asked: Question) -> Totals:
        if console.ledger is None:
            raise LedgerUnavailable("there is none")
        return await console.ledger.totals(asked.asked)

    async def page(request: Request, session: Session) -> Response:
        now = console.clock.now()
        asked = question(request.query_params, now)
        found = await counted(asked) if not asked.wrong else None
        plans = console.plans
        buyers = [buyer for plan in plans.values() for buyer in plan.buyers]
        return render(
            request, session, "money.html",
            asked=asked, path_here=PATH, periods=periods(asked, now), meanings=list(MEANINGS.items()),
            tabs=[(words, asked.link(by=by.value), by is asked.by) for by, words in TABS.items()],
            lines=[shown(line, asked) for line in found.lines] if found else [],
            total=shown(found.total, asked, total=True) if found else None,
            qualified=found.total.qualified if found else 0, bridged=found.total.bridged if found else 0,
            flags=flags(found, asked) if found else [], left=left_words(found.total) if found else "",
            csv=asked.link(f"{PATH}.csv"), period=asked.period.words(ZONE),
            plan_names=_choices(list(plans), asked.plan), buyer_names=_choices(buyers, asked.buyer),
        )  # fmt: skip

    async def csv(request: Request, session: Session) -> Response:
        asked = question(request.query_params, console.clock.now())
        if asked.wrong:
            return await page(request, session)
        text = "".join(flat(await counted(asked), asked.by, Form.CSV))
        file = f"callrouter-{asked.by.value}-{day_of(asked.period.since or 0.0, ZONE)}.csv"
        headers = {**security_headers(), "Content-Disposition": f'attachment; filename="{file}"'}
        return Response(text, media_type="text/csv", headers=headers)

    return [
        Route(PATH, guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{PATH}.csv", guarded(console, OPERATIONS, csv), methods=["GET"]),
    ]
