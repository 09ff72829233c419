"""The call log: ended calls by number, buyer, plan, outcome and time, newest first, a page at a time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.query import moment
from callrouter.console.console import Console
from callrouter.console.moments import Record
from callrouter.console.pages import HOME, OPERATIONS, guarded, redirect, render
from callrouter.console.plain_words import KINDS, OUTCOMES, caller_words, money_words, seconds_words, tone_of, utc_words
from callrouter.console.sessions import Session
from callrouter.dialplan import Plan
from callrouter.domain.call import Outcome
from callrouter.domain.phone import caller_number

PAGE = 50
PATH = f"{HOME}/calls"
DAY_S = 86_400
_FIELDS = ("phone", "plan", "buyer", "outcome", "qualified", "from", "to")
_MOST_CHARS = 64
_SID = re.compile(r"(CA|TR)[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True)
class Search:
    """What is looked for: the form as it was filled in, what it means, and what is wrong with it."""

    given: Mapping[str, str]
    wanted: Mapping[str, Any]
    wrong: Mapping[str, str]

    @property
    def sid(self) -> str | None:
        """The one call that is meant, where its id stands in the place of the number."""
        return self.given["phone"] if _SID.fullmatch(self.given["phone"]) else None

    @property
    def link(self) -> str:
        """The query of this search, without the page."""
        return urlencode({name: value for name, value in self.given.items() if value})

    @property
    def words(self) -> list[str]:
        """What narrows the search, for people."""
        labels = {"from": "from", "to": "to", "phone": "number"}
        return [f"{labels.get(name, name)} {value}" for name, value in self.given.items() if value]


@dataclass(frozen=True)
class Line:
    """One call in the list."""

    sid: str
    at: str
    caller: str
    plan: str
    kind: str
    outcome: str
    tone: str
    buyer: str
    payout: str
    talk: str
    qualified: str


def search(query: Mapping[str, str]) -> Search:
    """Read the form. Pure."""
    given = {name: _clean(query.get(name, "")) for name in _FIELDS}
    wanted: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name in ("plan", "buyer"):
        wanted[name] = given[name] or None
    if given["phone"] and not _SID.fullmatch(given["phone"]):
        wanted["phone"] = caller_number(given["phone"])
        if wanted["phone"] is None:
            wrong["phone"] = "Write all ten digits of a North American number, in any way, or a call's id."
    if given["outcome"]:
        wanted["outcome"] = given["outcome"]
        if given["outcome"] not in set(Outcome):
            wrong["outcome"] = "Choose one of the outcomes."
    if given["qualified"]:
        wanted["qualified"] = {"yes": True, "no": False}.get(given["qualified"])
    _read_range(given, wanted, wrong)
    return Search(given, wanted, wrong)


def _clean(text: str) -> str:
    """Without what no database looks for: a NUL is an error to some."""
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_MOST_CHARS]


def _read_range(given: Mapping[str, str], wanted: dict[str, Any], wrong: dict[str, str]) -> None:
    for name, key in (("from", "since"), ("to", "until")):
        try:
            at = moment(given[name]) if given[name] else None
        except ValueError:
            wrong[name] = "Write a day, such as 2026-11-21."
            continue
        # The last day is meant whole.
        wanted[key] = at + DAY_S if at is not None and name == "to" and "T" not in given[name] else at
    since, until = wanted.get("since"), wanted.get("until")
    if since is not None and until is not None and until <= since:
        wrong["to"] = "This is before the first day."


def line(record: Record) -> Line:
    """One call in the list. Pure."""
    outcome, qualified = record.get("outcome"), record.get("qualified")
    talk = record.get("bridged_s")
    return Line(
        sid=record["sid"],
        at=utc_words(record["started_at"]),
        caller=caller_words(record),
        plan=record["plan"],
        kind=KINDS.get(record["kind"], record["kind"]),
        outcome=OUTCOMES.get(outcome or "", outcome or "–"),
        tone=tone_of(outcome, qualified),
        buyer=record.get("buyer") or "–",
        payout=money_words(record.get("payout")),
        talk="–" if talk is None else seconds_words(talk),
        qualified={True: "yes", False: "no"}.get(qualified, "–") if isinstance(qualified, bool) else "–",
    )


def why_nothing(found: Search, later: bool) -> str:
    """Why the list is empty, and what helps. Pure."""
    if found.wrong:
        return "Nothing was looked for: mend what is marked above."
    if later:
        return "There are no older calls."
    if found.words:
        narrowed = ", ".join(found.words)
        return f"No ended call matches {narrowed}. Leave something out, or look among the live calls."
    return "No call has ended yet. The first one shows here a moment after it has."


def _choices(plans: Mapping[str, Plan], chosen: str) -> Sequence[str]:
    known = {buyer for plan in plans.values() for buyer in plan.buyers} | ({chosen} if chosen else set())
    return sorted(known)


def routes(console: Console) -> list[Route]:
    """The one page."""

    async def page(request: Request, session: Session) -> Response:
        found = search(request.query_params)
        if found.sid:
            return redirect(request, f"{PATH}/{found.sid}")
        before = _clean(request.query_params.get("before", "")) or None
        records: Sequence[Record] = ()
        if not found.wrong:
            records = await console.calls.find(**found.wanted, limit=PAGE + 1, before=before)
        shown = [line(record) for record in records[:PAGE]]
        plans = console.plans
        return render(
            request, session, "log.html",
            search=found, lines=shown, more=len(records) > PAGE, later=before is not None,
            nothing=why_nothing(found, before is not None),
            older=f"{PATH}?{found.link}{'&' if found.link else ''}{urlencode({'before': shown[-1].sid})}"
            if shown else "",
            newest=f"{PATH}?{found.link}", path_here=PATH, outcomes=[(o.value, OUTCOMES[o.value]) for o in Outcome],
            plan_names=[(name, name) for name in sorted(set(plans) | ({found.given["plan"]} - {""}))],
            buyer_names=[(name, name) for name in _choices(plans, found.given["buyer"])],
        )  # fmt: skip

    return [Route(PATH, guarded(console, OPERATIONS, page), methods=["GET"])]
