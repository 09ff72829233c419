"""What an unsold call owes: a callback, the sale of the lead, both, or one after the other. Pure."""

import pytest

from callrouter.calls import transitions
from callrouter.calls.closing import AFTER_SALE, SALE_WITHIN_S
from callrouter.calls.selling import begin_auction, fail
from callrouter.calls.setting import Setting, Step
from callrouter.carrier.seam import Apologise, Farewell
from callrouter.dialplan import Plan
from callrouter.domain.call import Outcome
from tests.calls.test_transitions import CARRIER, PLAN, arrived
from tests.support.virtual_time import EPOCH


def selling(after_sale: str = "callback", *, callback: bool = True) -> Plan:
    """The tests' plan with a lead buyer."""
    unsold = PLAN.unsold.model_copy(
        update={
            "sell_lead": ("letsmakealead",),
            "after_sale": after_sale,
            "callback": PLAN.unsold.callback if callback else None,
        }
    )
    return PLAN.model_copy(update={"unsold": unsold})


def unsold(plan: Plan, *, consent: bool | None, phone: str | None = "+15125550123") -> Step:
    """The auction of a call of this person closed without an offer."""
    setting = Setting(plan, EPOCH, EPOCH, "me", CARRIER)
    call = arrived().call
    caller = call.caller.model_copy(update={"zip": "78701", "consent": consent, "phone": phone})
    call = begin_auction(call.replaced(caller=caller), setting).call
    return transitions.auction_closed(call, 1, (), "all_answered", setting)


def test_with_consent_the_lead_is_sold_and_the_person_called_back() -> None:
    step = unsold(selling(), consent=True)
    assert step.sale is not None
    assert step.sale.callback is None
    assert step.sale.deadline_at == EPOCH + SALE_WITHIN_S
    assert step.callback is not None


def test_after_sale_none_makes_the_callback_depend_on_the_sale() -> None:
    step = unsold(selling("none"), consent=True)
    assert step.sale is not None
    assert step.sale.callback is not None
    assert step.callback is None
    assert (step.call.callback, step.call.callback_at) == (AFTER_SALE, None)
    assert step.command == Apologise(Farewell.UNSOLD_CALLBACK), "somebody will call: who buys the lead, or we"


@pytest.mark.parametrize(("consent", "why"), [(None, "no consent is known"), (False, "not consented")])
def test_without_consent_nothing_is_sold_and_the_record_says_so(consent: bool | None, why: str) -> None:
    step = unsold(selling("none"), consent=consent)
    assert step.sale is None
    assert why in str(step.call.sale)
    assert step.callback is not None, "called back as if there were no lead buyers"


def test_a_withheld_number_cannot_be_sold() -> None:
    step = unsold(selling(), consent=True, phone=None)
    assert (step.sale, step.callback) == (None, None)
    assert step.command == Apologise(Farewell.UNSOLD)


def test_a_plan_without_callback_promises_a_call_only_while_the_lead_is_for_sale() -> None:
    assert unsold(selling("none", callback=False), consent=True).command == Apologise(Farewell.UNSOLD_CALLBACK)
    assert unsold(selling("none", callback=False), consent=False).command == Apologise(Farewell.UNSOLD)


def test_a_call_that_we_failed_is_for_sale_as_well() -> None:
    setting = Setting(selling(), EPOCH, EPOCH, "me", CARRIER)
    call = arrived().call
    call = call.replaced(caller=call.caller.model_copy(update={"consent": True}))
    step = fail(call, setting, "test")
    assert step.call.outcome is Outcome.FAILED
    assert step.sale is not None


def test_a_caller_who_hung_up_is_called_back_but_not_sold() -> None:
    """They left before anything was decided: it is us whom they called."""
    setting = Setting(selling(), EPOCH, EPOCH, "me", CARRIER)
    call = arrived().call
    call = call.replaced(caller=call.caller.model_copy(update={"consent": True}))
    step = transitions.lost(call, (), setting)
    assert (step.call.outcome, step.sale, step.call.sale) == (Outcome.ABANDONED, None, None)
    assert step.callback is not None
