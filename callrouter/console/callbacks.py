"""The outbox for operations: what is owed to whom and when, what failed, cancel it, or try it again."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.callbacks import CONFLICTS
from callrouter.callbacks.hours import candidate_zones
from callrouter.callbacks.outbox import Job, JobKind, JobState
from callrouter.console.console import Console
from callrouter.console.forms import Trouble
from callrouter.console.pages import HOME, OPERATIONS, guarded, redirect, render
from callrouter.console.sessions import Session
from callrouter.errors import NotFound

PATH = f"{HOME}/callbacks"
MOST_SHOWN = 200
RETRY_FOR_S = 86_400.0
"""How long what an operator retries is tried for."""

DONE: Mapping[str, str] = {
    "requeued": "It is due now, and is tried for a day.",
    "cancelled": "It is cancelled.",
    "cancel_sent": "It is cancelled here; the dialler is being told.",
    "uncertain": "It is ended. A buyer may have bought the lead all the same: ask the buyer.",
}

TABS: Sequence[tuple[str, str]] = (
    ("pending", "Due"),
    ("delivered", "Delivered"),
    ("dead", "Failed"),
    ("cancelled", "Cancelled"),
    ("ended", "Sales over"),
)

EMPTY: Mapping[str, str] = {
    "pending": "Nothing is owed to anybody at this moment.",
    "delivered": "Nothing was delivered to the dialler in the last seven days.",
    "dead": "Nothing has failed for good in the last seven days.",
    "cancelled": "Nothing was cancelled in the last seven days.",
    "ended": "No sale of a lead has ended in the last seven days.",
}

_ID = re.compile(r"[0-9A-Za-z_.:-]{1,128}", re.ASCII)
_KINDS = {JobKind.CALLBACK: "Callback", JobKind.CANCEL: "Taking a callback back", JobKind.SALE: "Sale of the lead"}
_STATES = {
    JobState.PENDING: ("Due", "info"),
    JobState.DELIVERED: ("Delivered", "good"),
    JobState.DEAD: ("Failed", "bad"),
    JobState.CANCELLED: ("Cancelled", ""),
    JobState.ENDED: ("Over", "good"),
}
_SALES = {"sold": ("Sold", "good"), "unsold": ("Not sold", "warn"), "uncertain": ("Uncertain", "bad")}
_WHY = {"unsold": "nobody bought the call", "abandoned": "the caller hung up", "failed": "we failed"}


@dataclass(frozen=True)
class Owed:
    """One job as the screens show it."""

    id: str
    kind: str
    state: str
    tone: str
    phone: str
    plan: str
    sid: str | None
    why: str
    due: str
    """In UTC."""
    due_local: str
    """In every time zone in which the person could be."""
    distance: str
    attempts: int
    error: str
    remedy: str
    can_retry: bool
    can_cancel: bool


def owed(job: Job, now: float) -> Owed:
    """Read a job at ``now`` (epoch seconds). Pure."""
    payload, (state, tone) = job.payload, _SALES.get(job.outcome, _STATES[job.state])
    phone = payload.get("phone")
    caller = payload.get("caller") if isinstance(payload.get("caller"), Mapping) else payload
    zones = candidate_zones(phone, (caller or {}).get("zip"), (caller or {}).get("state"))
    at = job.stands_until or job.due_at
    sale = job.kind is JobKind.SALE
    return Owed(
        id=job.id,
        kind=_KINDS[job.kind],
        state=state,
        tone=tone,
        phone=phone or "–",
        plan=payload.get("plan") or "–",
        sid=payload.get("sid"),
        why=_WHY.get(str(payload.get("why")), str(payload.get("why") or "–")),
        due=utc(at),
        due_local=local_words(at, zones),
        distance=distance_words(at - now) if job.state is JobState.PENDING or at > now else "",
        attempts=job.attempts,
        error=job.last_error or "",
        remedy=job.remedy or _remedy(job),
        can_retry=job.state is JobState.DEAD or (job.state is JobState.PENDING and bool(job.last_error)),
        can_cancel=job.state is JobState.PENDING or (job.state is JobState.DELIVERED and not sale and at > now),
    )


def _remedy(job: Job) -> str:
    if job.state is JobState.DEAD:
        return "mend what the error says, then try it again"
    return "it is tried again by itself" if job.state is JobState.PENDING and job.last_error else ""


def utc(at: float) -> str:
    """``21 Nov, 14:15`` in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%-d %b, %H:%M")


def local_words(at: float, zones: Iterable[str]) -> str:
    """``Sat 08:15 in Chicago``; each different local time once, by the zone's name."""
    times: dict[str, list[str]] = {}
    for name in sorted(zones):
        local = datetime.fromtimestamp(at, ZoneInfo(name)).strftime("%a %H:%M")
        times.setdefault(local, []).append(name.rpartition("/")[2].replace("_", " "))
    return "; ".join(f"{local} in {names[0]}" for local, names in sorted(times.items())) or "zone not known"


def distance_words(seconds: float) -> str:
    """``in 12 min``, ``5 min ago``."""
    size = abs(seconds)
    if size < 5_400:
        words = f"{size:.0f} s" if size < 90 else f"{size / 60:.0f} min"
    else:
        words = f"{size / 3_600:.1f} h" if size < 172_800 else f"{size / 86_400:.0f} days"
    return f"in {words}" if seconds >= 0 else f"{words} ago"


def routes(console: Console) -> list[Route]:
    """The list, and what can be done with one of it."""
    book = console.callbacks

    async def page(request: Request, session: Session) -> Response:
        query = request.query_params
        state = given if (given := query.get("state", "")) in dict(TABS) else "pending"
        jobs = await book.list(JobState(state), MOST_SHOWN)
        now = console.clock.now()
        told = DONE.get(query.get("told", ""))
        return render(
            request, session, "callbacks.html", state=state, tabs=TABS, path_here=PATH, most=MOST_SHOWN,
            jobs=[owed(job, now) for job in jobs], empty=EMPTY[state], told=told,
        )  # fmt: skip

    async def found(request: Request) -> Job:
        job_id = request.path_params["id"]
        job = await book.get(job_id) if _ID.fullmatch(job_id) else None
        if job is None:
            raise NotFound("callback")
        return job

    async def one(request: Request, session: Session) -> Response:
        job = await found(request)
        return render(request, session, "callbacks_one.html", job=owed(job, console.clock.now()), path_here=PATH)

    async def retry(request: Request, session: Session) -> Response:
        return _told(request, await book.requeue((await found(request)).id, RETRY_FOR_S))

    async def cancel(request: Request, session: Session) -> Response:
        return _told(request, await book.cancel((await found(request)).id))

    return [
        Route(PATH, guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{PATH}/{{id}}", guarded(console, OPERATIONS, one), methods=["GET"]),
        Route(f"{PATH}/{{id}}/retry", guarded(console, OPERATIONS, retry), methods=["POST"]),
        Route(f"{PATH}/{{id}}/cancel", guarded(console, OPERATIONS, cancel), methods=["POST"]),
    ]


def _told(request: Request, result: str) -> Response:
    if result == "absent":
        raise NotFound("callback")
    if result not in DONE:
        raise Trouble(HTTPStatus.CONFLICT, CONFLICTS.get(result, result), "look at the list again")
    state = {"requeued": "pending", "uncertain": "dead"}.get(result, "cancelled")
    return redirect(request, f"{PATH}?state={state}&told={result}")
