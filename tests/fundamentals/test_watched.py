"""The watch over the whole run can fail: what it must find, it finds."""

import logging

import pytest

from callrouter.errors import CallrouterError, NotFound
from tests.support.watched import LeakWatch, leaks

log = logging.getLogger("callrouter.test")


@pytest.mark.leaks_on_purpose
def test_a_number_in_a_message_a_field_or_a_traceback_is_found(leak_watch: LeakWatch) -> None:
    log.warning("call of %s", "+15125550123")
    log.warning("call", extra={"from": "(512) 555-0124"})
    try:
        raise ValueError("no such caller: 5125550125")
    except ValueError:
        log.exception("failed")
    found = [line.split(": ")[1].split(" ")[0] for line in leak_watch.found]
    assert list(dict.fromkeys(found)) == ["5125550123", "5125550124", "5125550125"]


@pytest.mark.leaks_on_purpose
def test_a_secret_in_an_exception_of_ours_is_found(leak_watch: LeakWatch) -> None:
    with pytest.raises(CallrouterError):
        raise NotFound("nothing at https://buyer.example/?key=lmal-key-of-tests")
    assert len(leak_watch.found) == 1


@pytest.mark.parametrize(
    "harmless", ["CA5125550123abcdef", "at 1795236372.125", "in 2145550111222 ms", "our +18885550100 is taken"]
)
def test_ids_times_and_our_own_numbers_are_no_leaks(harmless: str) -> None:
    assert leaks(harmless) == []
