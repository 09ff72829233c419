"""What the log says of a call: its id on every line, and nothing personal or secret on any."""

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter import logs
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.support.world import AUTH_TOKEN, CALLER, World, offers, refuses


@pytest.fixture
def log_stream() -> Iterator[io.StringIO]:
    """The log as ``serve`` writes it when not on a terminal, at its most talkative; without the filter's secrets."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure_logging(stream, "DEBUG")
    yield stream
    root.handlers[:], root.level = before[0], before[1]
    logging.captureWarnings(capture=False)


def test_log_lines_are_json_with_the_calls_id_and_without_personal_data(
    log_stream: io.StringIO, engine_socket: Path, tmp_path: Path
) -> None:
    """Bridged with a lost push, unsold, and refused: numbers, tokens and keys are on no line."""

    async def whole(clock: VirtualClock) -> list[str]:
        async with World(clock, engine_socket, tmp_path) as world:
            world.contactability.answer, world.lmal.answer = (
                offers("30", "+12145550111", 6),
                offers("20", "+12145550112"),
            )
            world.carrier.faults.drop_next_pushes = 1
            first = await world.call()
            world.contactability.answer, world.lmal.answer = refuses(), refuses("2000")
            second = await world.call(from_="+15125550166")
            await world.delivered()
            return [first.sid, second.sid]

    sids = run_virtual(whole)
    lines = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    text = log_stream.getvalue()
    assert any(line.get("call_id") == sids[0] and "push was lost" in line["message"] for line in lines)
    for secret in (AUTH_TOKEN, "lmal-key-of-tests", "contactability-token", "dialler-key-of-tests"):
        assert secret not in text
    for number in (CALLER, "+15125550166", "+12145550111"):
        assert number[-10:] not in text
    assert re.findall(r"(?<![0-9a-fA-F])\+?1?[2-9]\d{9}(?![0-9a-fA-F.])", text) == []
