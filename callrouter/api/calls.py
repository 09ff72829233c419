"""The call log: live calls from the engine, finished ones from the ledger; of one call the whole decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Protocol

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.auth import ANYONE, OPERATORS
from callrouter.api.call_shapes import CallShown, CallsShown, without_money
from callrouter.api.endpoint import Action, Door, Endpoint, PathParameter, endpoint, holder_of, json_answer, query_of
from callrouter.api.problems import not_found
from callrouter.api.query import WHOLE, Moment, QueryModel, moment
from callrouter.api.shapes import Phone, PlanName
from callrouter.domain.call import Outcome
from callrouter.settings import Role

Record = Mapping[str, Any]
"""One call in the shape of `CallShown`."""
ShowsPayout = Callable[[str, Role], bool]
"""Whether a plan (by name) shows what offers pay to a role."""

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_LIVE = 500

_SID = r"[0-9A-Za-z_-]{1,64}"

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


class CallsQuery(QueryModel):
    """Which calls."""

    since: Moment | None = None
    """Those that started then or later."""
    until: Moment | None = None
    """Those that started before."""
    phone: Phone | None = None
    """Those of this caller."""
    plan: PlanName | None = None
    outcome: Outcome | None = None
    """Those that ended so."""
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE] = DEFAULT_LIMIT
    """How many ended calls; the first page has the live ones besides."""
    cursor: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")] | None = None
    """``next`` of the page before."""


def call_routes(door: Door, reader: CallReader, shows_payout: ShowsPayout) -> list[Endpoint]:
    """The list and the single call. ``shows_payout`` says whether a plan shows money to a role."""

    async def listed(request: Request) -> Response:
        query = query_of(request, CallsQuery)
        wanted = Wanted(query.since, query.until, query.phone, query.plan, query.outcome)
        # Live calls first: one that ends in between is then there twice and not missing.
        live = await reader.live() if query.cursor is None else ()
        found = await reader.find(**asdict(wanted), limit=query.limit + 1, before=query.cursor)
        ended = found[: query.limit]
        ended_sids = {call["sid"] for call in ended}
        lasting = [call for call in live[:MAX_LIVE] if wanted.has(call) and call["sid"] not in ended_sids]
        following = ended[-1]["sid"] if len(found) > query.limit else None
        return json_answer({"calls": [_summary(call) for call in (*lasting, *ended)], "next": following})

    async def single(request: Request) -> Response:
        call = await reader.get(request.path_params["sid"])
        holder = holder_of(request)
        if call is None or (holder.role is Role.AGENT and not _opened_by(call, holder.name)):
            raise not_found("call")
        return json_answer(call if shows_payout(call["plan"], holder.role) else without_money(call))

    sid = PathParameter("sid", _SID, "The call's id.", "CA0123456789abcdef0123456789abcdef", of="call")
    return [
        endpoint(
            "/api/v1/calls",
            door,
            {"GET": Action(OPERATORS, listed, "The call log", _ORDER, query=CallsQuery, answers={200: CallsShown})},
        ),
        endpoint(
            "/api/v1/calls/{sid}",
            door,
            {"GET": Action(ANYONE, single, "The whole decision of one call", _AGENTS, answers={200: CallShown})},
            [sid],
        ),
    ]


_ORDER = "Live calls first, on the first page; then those that have ended, newest first."
_AGENTS = "An agent's token finds only the calls of the transfers that it opened."


def _opened_by(call: Record, name: str) -> bool:
    transfer = call.get("transfer")
    return isinstance(transfer, Mapping) and transfer.get("opened_by") == name


def _summary(call: Record) -> Mapping[str, Any]:
    return {key: call.get(key) for key in SUMMARY}
