"""The sales in the engine: each step durable before the next, and only by the claim that holds the job."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from callrouter.callbacks.outbox import Ack, Job
from callrouter.engine.client import Engine
from callrouter.engine.keys import Keys
from callrouter.sales.progress import SaleOutcome, SaleProgress

GO = "go"
TALKING = "talking"

_ACKS: Mapping[str, Ack] = {
    "late": Ack.LATE,
    "retried": Ack.RETRIED,
    SaleOutcome.CANCELLED: Ack.CANCELLED,
    SaleOutcome.DEAD: Ack.DEAD,
}


@dataclass(frozen=True)
class Sold:
    """Who has bought the lead, as the record shows it."""

    buyer: str
    payout: str
    payout_stated: bool
    lead_ref: str | None


def ack_of(said: str) -> Ack:
    """What a script said, as the worker understands it."""
    return _ACKS.get(said, Ack.ENDED)


class SaleBook:
    """Typed access to the ``sale_*`` scripts. Every method raises `EngineUnavailable`; doing it twice does no harm."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def keys(self) -> Keys:
        """The names of the engine's keys."""
        return self._engine.keys

    async def intend(self, job: Job, progress: SaleProgress, charges: Sequence[Mapping[str, object]]) -> str:
        """The post that ``progress.posting`` names is about to be sent: ``go``, ``talking`` (the person is with a buyer
        on another call: later), or why it must never be.

        ``charges`` are what the buyer's caps lose if nobody ever learns what became of it.
        """
        posting = progress.posting
        return await self._run(
            "sale_intent", job, progress.stored, posting.buyer if posting else "", json.dumps(list(charges))
        )

    async def step(self, job: Job, progress: SaleProgress, delay_s: float, error: str) -> Ack:
        """A step is over; the next is due in ``delay_s``. With an ``error`` it counts as failed."""
        posting = progress.posting.buyer if progress.posting else ""
        said = await self._run("sale_step", job, progress.stored, progress.shown, posting, round(delay_s * 1000), error)
        return ack_of(said)

    async def end(
        self,
        job: Job,
        progress: SaleProgress,
        outcome: SaleOutcome,
        note: str,
        sold: Sold | None,
        charges: Sequence[Mapping[str, object]],
    ) -> Ack:
        """The sale is over: record, callback, caps and the person's standing sale follow in the same step."""
        deal = json.dumps(vars(sold)) if sold else ""
        said = await self._run(
            "sale_end",
            job,
            progress.stored,
            progress.shown,
            outcome.value,
            note,
            deal,
            json.dumps(list(charges)),
        )
        # Another claim's word came first: it has told of this sale.
        return ack_of(said) if said == outcome.value else Ack.LATE

    async def _run(self, name: str, job: Job, *args: Any) -> str:
        keys = self._engine.keys
        talking = keys.talking(job.payload["plan"], job.payload["phone"])
        names = [keys.outbox_due, keys.outbox_dead, keys.outbox_recent, keys.ledger, talking]
        given = [self._engine.time_arg(), keys.job(""), job.id, job.fence, *args]
        return cast(str, await self._engine.run(name, names, given, again=True))
