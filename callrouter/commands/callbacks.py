"""``callrouter callbacks``: what is owed to callers, tried again or taken back."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from callrouter.api.callbacks import RETRY_FOR_S, shown
from callrouter.callbacks.outbox import UNCERTAIN_REMEDY, JobState
from callrouter.commands.attach import Attached, attached
from callrouter.commands.tables import clock_time, table
from callrouter.errors import CallrouterError, NotFound

COLUMNS = (
    *("id", "kind", "state", "next delivery (UTC)", "attempts", "plan", "phone"),
    *("person called from (UTC)", "last error"),
)

_DONE = {
    "requeued": "it is due now",
    "cancelled": "it is cancelled",
    "cancel_sent": "it was delivered already: the dialler is told to cancel it",
    "uncertain": f"it is over, but the answer to its post is not known; {UNCERTAIN_REMEDY}",
}
_REFUSED = {
    "none": "it is over already",
    "leased": "it is with the dialler or a buyer just now; try again in a minute",
    "delivered": "it was delivered already",
    "cancelled": "it was cancelled",
    "superseded": "another callback stands for this person",
}


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """List, retry or cancel. Raises `CallrouterError`."""
    return asyncio.run(_run(arguments, environ))


async def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    async with attached(environ) as found:
        if arguments.action in (None, "list"):
            state = JobState(arguments.state) if arguments.state else None
            jobs = [shown(job) for job in await found.outbox.list(state, arguments.limit)]
            sys.stdout.write(json.dumps({"callbacks": jobs}, indent=2) + "\n" if arguments.json else listed(jobs))
            return 0
        result = await _change(found, arguments.action, arguments.id)
        job = await found.outbox.get(arguments.id)
    if arguments.json:
        sys.stdout.write(json.dumps({**(shown(job) if job else {}), "result": result}, indent=2) + "\n")
    else:
        sys.stdout.write(f"{arguments.id}: {_DONE[result]}\n")
    return 0


async def _change(found: Attached, action: str, job_id: str) -> str:
    if await found.outbox.get(job_id) is None:
        raise NotFound(f"no callback {job_id}; `callrouter callbacks` lists them")
    if action == "retry":
        result, done = await found.outbox.requeue(job_id, RETRY_FOR_S), {"requeued"}
    else:
        result, done = await found.outbox.cancel(job_id), {"cancelled", "cancel_sent", "uncertain"}
    if result not in done:
        raise CallrouterError(f"{job_id}: {_REFUSED.get(result, result)}")
    return result


def listed(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Jobs as `shown` gives them, one a line."""
    if not jobs:
        return "No callbacks.\n"
    return table(COLUMNS, map(_row, jobs), right=("attempts",))


def _row(job: Mapping[str, Any]) -> tuple[object, ...]:
    next_at = clock_time(job["due_at"]) if job["state"] == JobState.PENDING else None
    said = "; ".join(text for text in (job["last_error"], job["remedy"]) if text)
    return (
        job["id"], job["kind"], job["outcome"] or job["state"], next_at, job["attempts"],
        job["plan"], job["phone"], clock_time(job["calls_at"]), said,
    )  # fmt: skip
