"""The outbox for operations: what is owed, cancel it, or try it again."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, Protocol

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.auth import OPERATORS
from callrouter.api.endpoint import Action, Door, Endpoint, PathParameter, endpoint, json_answer, query_of
from callrouter.api.problems import Problem, not_found, wrong_keys
from callrouter.api.query import WHOLE, QueryModel
from callrouter.api.shapes import Part
from callrouter.callbacks.outbox import Job, JobKind, JobState
from callrouter.transfers.shown import Moment

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
RETRY_FOR_S = 86_400.0
"""How long a callback that an operator retries is tried for."""

_ID = "[0-9A-Za-z_.:-]{1,128}"


class CallbackBook(Protocol):
    """The outbox as the API uses it: `callrouter.callbacks.outbox.Outbox`. May raise `EngineUnavailable`."""

    async def page(self, state: JobState | None, limit: int, after: str | None) -> Sequence[Job] | None:
        """Jobs, newest first, from behind the job ``after``; ``None`` when that is not there any more."""
        ...

    async def get(self, job_id: str) -> Job | None:
        """One job."""
        ...

    async def cancel(self, job_id: str) -> str:
        """``cancelled``, ``cancel_sent``, ``uncertain`` (a sale that may have been made), ``leased`` or ``none``."""
        ...

    async def requeue(self, job_id: str, deadline_s: float) -> str:
        """``requeued``, ``leased``, ``delivered``, ``cancelled``, ``absent`` or ``superseded``."""
        ...


_DONE = frozenset({"cancelled", "cancel_sent", "uncertain"})
CONFLICTS: Mapping[str, str] = {
    "none": "it is over already",
    "leased": "it is with the dialler or a buyer just now; try again in a minute",
    "delivered": "it was delivered already",
    "cancelled": "it was cancelled",
    "superseded": "another callback stands for this person",
}
"""Why something cannot be done to a callback; the console says it in the same words."""


class CallbackShown(Part):
    """One job of the outbox."""

    id: str
    kind: JobKind
    """``callback`` and its ``cancel`` go to the dialler, a ``sale`` to lead buyers."""
    state: JobState
    outcome: str | None
    """Of a sale that is over: how it ended."""
    plan: str | None
    phone: str | None
    sid: str | None
    """The call that it is owed for."""
    why: str | None
    created_at: Moment
    due_at: Moment
    """When it is delivered, or tried again."""
    deadline_at: Moment
    """When it is given up."""
    done_at: Moment | None
    calls_at: Moment | None
    """When the dialler calls the person, of a delivered callback."""
    attempts: int
    last_error: str | None
    remedy: str | None
    """What operations can do that we cannot."""


class CallbackDone(CallbackShown):
    """The job after what was done to it."""

    result: str
    """``cancelled``, ``cancel_sent``, ``uncertain`` (a sale that may have been made) or ``requeued``."""


class CallbacksShown(Part):
    """One page of the outbox."""

    callbacks: list[CallbackShown]
    """Newest first."""
    next: str | None
    """The ``cursor`` of the next page; null on the last one."""


class CallbacksQuery(QueryModel):
    """Which jobs."""

    state: JobState | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT), WHOLE] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(pattern=f"^{_ID}$")] | None = None
    """``next`` of the page before."""


def callback_routes(door: Door, book: CallbackBook) -> list[Endpoint]:
    """List, cancel and retry."""

    async def listed(request: Request) -> Response:
        query = query_of(request, CallbacksQuery)
        jobs = await book.page(query.state, query.limit + 1, query.cursor)
        if jobs is None:
            raise wrong_keys([("cursor", "start again without it: it has passed out of the list")])
        following = jobs[query.limit - 1].id if len(jobs) > query.limit else None
        return json_answer({"callbacks": [shown(job) for job in jobs[: query.limit]], "next": following})

    async def cancel(request: Request) -> Response:
        job = await _found(book, request)
        result = await book.cancel(job.id)
        if result not in _DONE:
            raise _conflict(result)
        return json_answer({**shown(await book.get(job.id) or job), "result": result})

    async def retry(request: Request) -> Response:
        job = await _found(book, request)
        result = await book.requeue(job.id, RETRY_FOR_S)
        if result == "absent":
            raise not_found("callback")
        if result != "requeued":
            raise _conflict(result)
        return json_answer({**shown(await book.get(job.id) or job), "result": result})

    job_id = PathParameter("id", _ID, "The job's id.", "cb-CA0123456789abcdef0123456789abcdef", of="callback")
    taken_back = "One that the dialler has already is taken back there."
    lists = Action(OPERATORS, listed, "What is owed to callers", query=CallbacksQuery, answers={200: CallbacksShown})
    cancels = Action(
        OPERATORS, cancel, "Cancel a callback", taken_back, answers={200: CallbackDone}, refusals=(404, 409)
    )
    retries = Action(OPERATORS, retry, "Try a callback again now", answers={200: CallbackDone}, refusals=(404, 409))
    return [
        endpoint("/api/v1/callbacks", door, {"GET": lists}),
        endpoint("/api/v1/callbacks/{id}", door, {"DELETE": cancels}, [job_id]),
        endpoint("/api/v1/callbacks/{id}/retry", door, {"POST": retries}, [job_id]),
    ]


def shown(job: Job) -> dict[str, Any]:
    """A job as the API and ``callrouter callbacks --json`` show it."""
    found = CallbackShown(
        id=job.id,
        kind=job.kind,
        state=job.state,
        outcome=job.outcome or None,
        plan=job.payload.get("plan"),
        phone=job.payload.get("phone"),
        sid=job.payload.get("sid"),
        why=job.payload.get("why"),
        created_at=job.created_at,
        due_at=job.due_at,
        deadline_at=job.deadline_at,
        done_at=job.done_at,
        calls_at=job.stands_until,
        attempts=job.attempts,
        last_error=job.last_error or None,
        remedy=job.remedy,
    )
    return found.model_dump(mode="json")


async def _found(book: CallbackBook, request: Request) -> Job:
    job = await book.get(request.path_params["id"])
    if job is None:
        raise not_found("callback")
    return job


def _conflict(result: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, CONFLICTS.get(result, result))
