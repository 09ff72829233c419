"""What follows from each stored step of a call: it is counted and logged, and whoever has work is woken."""

from collections.abc import Callable

from callrouter.calls.measured import measure_into
from callrouter.calls.setting import Step
from callrouter.calls.told import tell
from callrouter.carrier.seam import Order
from callrouter.domain.call import Call, CallState
from callrouter.metrics import Metrics


class AfterStep:
    """See the module. What is woken is filled in when it has been made."""

    def __init__(self, metrics: Metrics) -> None:
        self._measure = measure_into(metrics)
        self.wake_drainer: Callable[[], None] = _nothing
        self.wake_worker: Callable[[], None] = _nothing
        self.carry_out: Callable[[Call, tuple[Order, ...]], None] = lambda call, orders: None

    def __call__(self, before: Call | None, after: Call, step: Step) -> None:
        if after is not before:
            self._measure(before, after, step)
            tell(before, after)
        self.carry_out(after, step.orders)
        if after.state is CallState.ENDED:
            self.wake_drainer()
        if step.callback is not None or step.sale is not None or step.withdraws_callback:
            self.wake_worker()


def _nothing() -> None:
    return None
