"""A webhook that stays open for a moment in the hope of the decision."""

import asyncio

from callrouter.carrier.seam import Command
from callrouter.dialplan import Plan


class OpenWebhook:
    """A webhook that stays open for a moment in the hope of the decision. One side closes it, exactly once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._future: asyncio.Future[Command] = asyncio.get_running_loop().create_future()
        self.open = True

    def answer(self, command: Command) -> bool:
        """Give the decision to the webhook; ``False`` when it has been answered otherwise already."""
        if not self.open:
            return False
        self.open = False
        if not self._future.done():
            self._future.set_result(command)
        return True

    async def wait(self, timeout_s: float) -> Command | None:
        """The decision, or ``None`` when it does not come in time; then the webhook counts as closed."""
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                return await asyncio.shield(self._future)
        except TimeoutError:
            if self.open:
                self.open = False
                return None
            return self._future.result()
        except asyncio.CancelledError:
            self.open = False
            raise
