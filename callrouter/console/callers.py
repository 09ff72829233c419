"""One person by their number: what is known, their calls and callbacks, and how all of it is erased."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import redis.asyncio as redis
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.api.callers import known_caller
from callrouter.callbacks.outbox import Job, JobState
from callrouter.console.callbacks import distance_words, owed
from callrouter.console.console import Console
from callrouter.console.forms import Trouble, form_of
from callrouter.console.log import line
from callrouter.console.moments import Record
from callrouter.console.pages import HOME, OPERATIONS, guarded, redirect, render
from callrouter.console.sessions import Session
from callrouter.domain.caller import Caller
from callrouter.domain.phone import caller_number
from callrouter.engine.keys import CALL_TTL_S, JOB_DONE_TTL_S
from callrouter.ledger.erasures import Erasures
from callrouter.ledger.reads import Ledger

PATH = f"{HOME}/callers"
MOST_CALLS = 50
MOST_PENDING = 1_000
_FACTS = ("zip", "state", "first_name", "last_name", "email", "address", "city", "ip")

log = logging.getLogger("callrouter.console")


@dataclass(frozen=True)
class Erased:
    """What an erasure did."""

    known: bool
    """Whether something had been told about the person."""
    calls: int
    """Ended calls that lost the number."""
    cancelled: int
    """Callbacks and sales that were taken back."""
    left: int
    """Callbacks and sales that could not be: they are with the dialler or a buyer just now."""


def facts(caller: Caller) -> list[tuple[str, str]]:
    """What was told about a person, but for the consent. Pure."""
    told = [(name.replace("_", " "), str(getattr(caller, name))) for name in _FACTS if getattr(caller, name)]
    return told + [(name, str(value)) for name, value in caller.fields.items()]


async def owed_to(console: Console, phone: str, records: Sequence[Record]) -> list[Job]:
    """The jobs of this person: those that stand in each plan, and those of their calls."""
    keys = console.engine.keys
    names = [key for plan in console.plans for key in (keys.standing(plan, phone), keys.sale(plan, phone))]
    standing = [await console.engine.get(name) for name in names]
    of_calls = [str(owed["id"]) for r in records for owed in (r.get("callback"), r.get("sale")) if owed and owed["id"]]
    # A plan that is gone has no name to look under: its callbacks are among the pending.
    pending = await console.callbacks.list(JobState.PENDING, MOST_PENDING)
    found: dict[str, Job | None] = {job.id: job for job in pending if job.payload.get("phone") == phone}
    for job_id in (*filter(None, standing), *of_calls):
        if job_id not in found:
            found[job_id] = await console.callbacks.get(job_id)
    return [job for job in found.values() if job is not None and job.payload.get("phone") == phone]


async def erase(console: Console, phone: str) -> Erased:
    """Forget a person: what was told, what is owed to them, and their number in ended calls. Money and times stay.

    May be done again: what ended only meanwhile goes then. Raises `EngineUnavailable` and the ledger's errors.
    """
    records = await console.calls.find(phone=phone, limit=MOST_CALLS)
    cancelled = left = 0
    for job in await owed_to(console, phone, records):
        if job.state is JobState.PENDING or (job.state is JobState.DELIVERED and job.stands_until):
            done = await console.callbacks.cancel(job.id) in ("cancelled", "cancel_sent", "uncertain")
            cancelled, left = cancelled + done, left + (not done)
    known = bool(await console.engine.delete(console.engine.keys.caller(phone)))
    calls = await _erase_calls(console.ledger, console, phone) if console.ledger is not None else 0
    return Erased(known, calls, cancelled, left)


async def _erase_calls(ledger: Ledger, console: Console, phone: str) -> int:
    if ledger.hashes is not None:
        # First: a call that comes to the ledger from now on loses the number there.
        await Erasures(console.engine, ledger.hashes).note(phone, console.clock.now())
    return await ledger.erase(phone)


async def _ttl_s(console: Console, phone: str) -> int:
    async def ttl(client: redis.Redis) -> int:
        return await client.ttl(console.engine.keys.caller(phone))

    return max(0, await console.engine.raw("ttl", ttl, again=True))


def routes(console: Console) -> list[Route]:
    """Look up, and erase. A number is in a query, never in a path; erasing takes it from the form."""

    async def page(request: Request, session: Session) -> Response:
        given = request.query_params.get("phone", "").strip()[:40]
        phone = caller_number(given) if given else None
        wrong = "Write all ten digits of a North American number, in any way." if given and phone is None else ""
        told = _told(request.query_params)
        values: dict[str, Any] = {"given": given, "wrong": wrong, "told": told, "path_here": PATH, "phone": phone}
        if phone is None:
            return render(request, session, "callers.html", found=None, **values)
        known = await known_caller(console.engine, phone)
        records = await console.calls.find(phone=phone, limit=MOST_CALLS)
        live = [record for record in await console.calls.live() if record.get("from") == phone]
        now = console.clock.now()
        found = {
            "known": facts(known) if known else None,
            "consent": known.consent if known else None,
            "forgotten": distance_words(await _ttl_s(console, phone)) if known else "",
            "lines": [line(record) for record in records],
            "live": [record["sid"] for record in live],
            "jobs": [owed(job, now) for job in await owed_to(console, phone, records)],
            "most": MOST_CALLS,
            "engine_days": CALL_TTL_S // 86_400,
            "job_days": JOB_DONE_TTL_S // 86_400,
        }
        return render(request, session, "callers.html", found=found, **values)

    async def forget(request: Request, session: Session) -> Response:
        form = form_of(request)
        phone = caller_number(form.get("phone", ""))
        if phone is None:
            raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "this is not a number", "look the person up again")
        if form.get("sure") != "yes":
            raise Trouble(
                HTTPStatus.UNPROCESSABLE_ENTITY, "nothing was erased", "tick that you are sure, and repeat it"
            )
        done = await erase(console, phone)
        log.info("person erased", extra={"by": session.name, "calls": done.calls, "cancelled": done.cancelled})
        counts = f"known={int(done.known)}&calls={done.calls}&cancelled={done.cancelled}&left={done.left}"
        return redirect(request, f"{PATH}?told=erased&{counts}")

    return [
        Route(PATH, guarded(console, OPERATIONS, page), methods=["GET"]),
        Route(f"{PATH}/erase", guarded(console, OPERATIONS, forget), methods=["POST"]),
    ]


def _told(query: Mapping[str, str]) -> Erased | None:
    if query.get("told") != "erased":
        return None
    known, calls, cancelled, left = (_count(query.get(name, "")) for name in ("known", "calls", "cancelled", "left"))
    return Erased(bool(known), calls, cancelled, left)


def _count(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
