"""The outbox for operations: what is owed, cancel it, or try it again."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.auth import OPERATORS
from callrouter.api.endpoint import Action, endpoint, json_answer
from callrouter.api.problems import Problem, not_found
from callrouter.api.query import Query, one_of, whole
from callrouter.callbacks.outbox import Job, JobState
from callrouter.domain.clock import rfc3339
from callrouter.settings import ApiToken

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
RETRY_FOR_S = 86_400.0
"""How long a callback that an operator retries is tried for."""

_ID = re.compile(r"[0-9A-Za-z_.:-]{1,128}", re.ASCII)


class CallbackBook(Protocol):
    """The outbox as the API uses it: `callrouter.callbacks.outbox.Outbox`. May raise `EngineUnavailable`."""

    async def list(self, state: JobState | None = None, limit: int = 100) -> Sequence[Job]:
        """Jobs, newest first."""
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
_CONFLICTS: Mapping[str, str] = {
    "none": "it is over already",
    "leased": "it is with the dialler or a buyer just now; try again in a minute",
    "delivered": "it was delivered already",
    "cancelled": "it was cancelled",
    "superseded": "another callback stands for this person",
}


def callback_routes(tokens: Sequence[ApiToken], book: CallbackBook) -> list[Route]:
    """List, cancel and retry."""

    async def listed(request: Request) -> Response:
        query = Query(request)
        state = query.take("state", one_of(*JobState))
        limit = query.take("limit", whole(1, MAX_LIMIT)) or DEFAULT_LIMIT
        query.close()
        jobs = await book.list(JobState(state) if state else None, limit)
        return json_answer({"callbacks": [shown(job) for job in jobs]})

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

    return [
        endpoint("/api/v1/callbacks", tokens, {"GET": Action(OPERATORS, listed)}),
        endpoint("/api/v1/callbacks/{id}", tokens, {"DELETE": Action(OPERATORS, cancel)}),
        endpoint("/api/v1/callbacks/{id}/retry", tokens, {"POST": Action(OPERATORS, retry)}),
    ]


def shown(job: Job) -> dict[str, Any]:
    """A job as the API and ``callrouter callbacks --json`` show it."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": job.state.value,
        "outcome": job.outcome or None,
        "plan": job.payload.get("plan"),
        "phone": job.payload.get("phone"),
        "sid": job.payload.get("sid"),
        "why": job.payload.get("why"),
        "created_at": rfc3339(job.created_at),
        "due_at": rfc3339(job.due_at),
        "deadline_at": rfc3339(job.deadline_at),
        "done_at": rfc3339(job.done_at),
        "calls_at": rfc3339(job.stands_until),
        "attempts": job.attempts,
        "last_error": job.last_error or None,
        "remedy": job.remedy,
    }


async def _found(book: CallbackBook, request: Request) -> Job:
    job_id = request.path_params["id"]
    job = await book.get(job_id) if _ID.fullmatch(job_id) else None
    if job is None:
        raise not_found("callback")
    return job


def _conflict(result: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, _CONFLICTS.get(result, result))
