"""What stands for a number after the retention, and the key by which it is made."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.errors import LedgerUnavailable
from callrouter.ledger.number_hash import FILE, NumberHash, hash_of

KEY = "the-key-of-the-numbers-in-the-tests"
PHONE = "+15125550142"
NUMBERS = st.from_regex(r"\A\+1[2-9]\d{9}\Z")


@given(NUMBERS, NUMBERS)
def test_a_hash_is_a_numbers_own_and_fits_its_column(one: str, other: str) -> None:
    hashed = hash_of(KEY.encode(), one)
    assert (hashed[0], len(hashed), hashed[1:].isalnum(), hashed) == ("#", 27, True, hashed.lower())
    assert hashed == hash_of(KEY.encode(), one)
    assert (hashed == hash_of(KEY.encode(), other)) == (one == other)
    assert hashed != hash_of(b"another key, just as long as that one", one)


def test_with_a_key_given_no_file_is_made_and_every_host_hashes_alike(tmp_path: Path) -> None:
    one, other = NumberHash(KEY, tmp_path / "a"), NumberHash(KEY, tmp_path / "b")
    assert one(PHONE) == other(PHONE) == other.if_known(PHONE)
    assert list(tmp_path.iterdir()) == []


def test_the_key_is_made_when_it_is_first_needed_and_only_for_its_owner(tmp_path: Path) -> None:
    hashes = NumberHash(None, tmp_path / "data")
    assert (hashes.if_known(PHONE), hashes.names_of(PHONE)) == (None, (PHONE,))
    assert list(tmp_path.iterdir()) == []
    hashed = hashes(PHONE)
    file = tmp_path / "data" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_text().strip()) >= 32
    assert hashes.names_of(PHONE) == (PHONE, hashed)
    assert NumberHash("", tmp_path / "data")(PHONE) == hashed  # another process, later


def test_processes_that_need_the_key_at_once_make_one(tmp_path: Path) -> None:
    each = [NumberHash(None, tmp_path) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        hashed = list(pool.map(lambda one: one(PHONE), each))
    assert len(set(hashed)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE, "number.lock"]


def test_a_key_that_is_damaged_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("short\n")
    with pytest.raises(LedgerUnavailable, match="put it back from a back-up"):
        NumberHash(None, tmp_path)(PHONE)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(LedgerUnavailable, match="cannot be read"):
        NumberHash(None, tmp_path).if_known(PHONE)
