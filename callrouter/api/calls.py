"""The call log: live calls from the engine, finished ones from the ledger; of one call the whole decision."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.auth import OPERATORS
from callrouter.api.endpoint import Action, endpoint, json_answer
from callrouter.api.problems import not_found
from callrouter.api.query import Query, moment, one_of, whole
from callrouter.domain.call import Outcome
from callrouter.domain.phone import caller_number
from callrouter.settings import ApiToken

Record = Mapping[str, Any]
"""One call in the shape of ``GET /api/v1/calls/{sid}``."""

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_LIVE = 500

_SID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)

SUMMARY = (
    *("sid", "plan", "kind", "from", "to", "state", "outcome", "qualified", "buyer", "payout"),
    *("min_duration_s", "bridged_s", "started_at", "ended_at", "callback"),
)
"""The keys of a call in the list; the rest is in the call's own page."""


class CallReader(Protocol):
    """Where calls are read. May raise `EngineUnavailable`."""

    async def live(self) -> Sequence[Record]:
        """Calls that have not ended, newest first."""
        ...

    async def get(self, sid: str) -> Record | None:
        """One call, live or finished."""
        ...

    async def find(
        self,
        *,
        since: float | None,
        until: float | None,
        phone: str | None,
        plan: str | None,
        outcome: str | None,
        limit: int,
        before: str | None,
    ) -> Sequence[Record]:
        """Finished calls that started from ``since`` to before ``until`` (epoch s), newest first.

        ``before`` is the sid of the last one of the page before.
        """
        ...


@dataclass(frozen=True)
class Wanted:
    """Which calls are listed; ``None`` means any. Times are epoch seconds."""

    since: float | None
    until: float | None
    phone: str | None
    plan: str | None
    outcome: str | None

    def has(self, call: Record) -> bool:
        """Whether a live call is one of them."""
        if self.outcome is not None:
            return False
        started = moment(call["started_at"])
        return (
            self.phone in (None, call["from"])
            and self.plan in (None, call["plan"])
            and (self.since is None or started >= self.since)
            and (self.until is None or started < self.until)
        )


def call_routes(tokens: Sequence[ApiToken], reader: CallReader) -> list[Route]:
    """The list and the single call."""

    async def listed(request: Request) -> Response:
        query = Query(request)
        wanted = Wanted(
            since=query.take("since", moment),
            until=query.take("until", moment),
            phone=query.take("phone", _phone),
            plan=query.take("plan", _word),
            outcome=query.take("outcome", one_of(*Outcome)),
        )
        limit = query.take("limit", whole(1, MAX_LIMIT)) or DEFAULT_LIMIT
        cursor = query.take("cursor", _word)
        query.close()
        # Live calls first: one that ends in between is then there twice and not missing.
        live = await reader.live() if cursor is None else ()
        found = await reader.find(**asdict(wanted), limit=limit + 1, before=cursor)
        ended = found[:limit]
        ended_sids = {call["sid"] for call in ended}
        lasting = [call for call in live[:MAX_LIVE] if wanted.has(call) and call["sid"] not in ended_sids]
        following = ended[-1]["sid"] if len(found) > limit else None
        return json_answer({"calls": [_summary(call) for call in (*lasting, *ended)], "next": following})

    async def single(request: Request) -> Response:
        sid = request.path_params["sid"]
        call = await reader.get(sid) if _SID.fullmatch(sid) else None
        if call is None:
            raise not_found("call")
        return json_answer(dict(call))

    return [
        endpoint("/api/v1/calls", tokens, {"GET": Action(OPERATORS, listed)}),
        endpoint("/api/v1/calls/{sid}", tokens, {"GET": Action(OPERATORS, single)}),
    ]


def _summary(call: Record) -> Mapping[str, Any]:
    return {key: call.get(key) for key in SUMMARY}


def _phone(text: str) -> str:
    # A plus sign that was not escaped arrives as a space.
    phone = caller_number(text)
    if phone is None:
        raise ValueError("write a North American number, such as +1 and ten digits")
    return phone


def _word(text: str) -> str:
    if not _SID.fullmatch(text):
        raise ValueError("write letters, digits, dash and underscore")
    return text
