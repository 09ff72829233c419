"""What an auction brings, written down while the caller waits: buyers' answers, and why the caller is held."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence

from callrouter.calls.store import CallStore
from callrouter.domain.decision import Decision
from callrouter.domain.offer import BuyerResult
from callrouter.errors import EngineUnavailable

KEEP_AGAIN_S = (1.0, 2.0, 4.0, 8.0)
"""The pauses before an answer that the engine did not take is kept again."""

log = logging.getLogger("callrouter.auction")


class Keeping:
    """No method raises when the engine is out: the auction goes on from memory."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self.under_way: set[asyncio.Task[None]] = set()
        """What nobody waits for but a drain."""

    def until_done(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Have this done, though nobody waits for it."""
        task = asyncio.create_task(work, name=name)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return task

    async def keep(self, sid: str, of: str, result: BuyerResult) -> None:
        """Keep a buyer's answer, see `CallStore.keep_reply`."""
        try:
            await self._store.keep_reply(sid, of, result)
        except EngineUnavailable:
            log.warning("reply not kept", extra={"call_id": sid, "buyer": result.buyer})
            self.until_done(self._keep_again(sid, of, result), f"reply {sid}")

    async def replies(self, sid: str, auction_no: int) -> dict[str, BuyerResult]:
        """What an earlier owner of this auction had heard, by buyer: nothing is asked twice."""
        try:
            replies = await self._store.replies(sid)
        except EngineUnavailable:
            return {}
        mine = f"{auction_no}:"
        return {key.removeprefix(mine): result for key, result in replies.items() if key.startswith(mine)}

    def keep_waits(
        self, sid: str, auction_no: int, waits: Sequence[Decision], before: asyncio.Task[None] | None
    ) -> asyncio.Task[None]:
        """Write down why the caller is held, after what was written ``before``; the auction does not wait for it."""

        async def write() -> None:
            if before is not None:
                await asyncio.wait([before])
            try:
                await self._store.keep_waits(sid, auction_no, waits)
            except EngineUnavailable:
                log.warning("waits not kept", extra={"call_id": sid})

        return self.until_done(write(), f"waits {sid}")

    async def waits(self, sid: str, auction_no: int) -> tuple[Decision, ...]:
        """Why an earlier owner of this auction had held the caller."""
        try:
            return await self._store.waits(sid, auction_no)
        except EngineUnavailable:
            return ()

    async def _keep_again(self, sid: str, of: str, result: BuyerResult) -> None:
        """What was heard while the engine was out is learned when it is back; kept twice it counts once."""
        for pause_s in KEEP_AGAIN_S:
            await asyncio.sleep(pause_s)
            try:
                await self._store.keep_reply(sid, of, result)
                return
            except EngineUnavailable:
                continue
