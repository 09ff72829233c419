"""Which numbers are ours: no buyer is dialled there."""

from collections.abc import Container

from callrouter.plans import PlanBook


class OwnNumbers(Container[str]):
    """Our own numbers, as the dialplans in use have them."""

    def __init__(self, plan_book: PlanBook) -> None:
        self._plan_book = plan_book

    def __contains__(self, number: object) -> bool:
        return number in self._plan_book.current.by_number
