"""Each JSON file of this folder is one auction: who answers what and when, and how it must end."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.auctions.scenes import ask, offered, opened, scenes
from tests.support.virtual_time import VirtualClock, run_virtual
from tests.wire.setting import setting


@pytest.mark.parametrize("path", scenes(), ids=lambda path: path.stem)
def test_the_auction_ends_as_the_file_says(path: Path, engine_socket: Path) -> None:
    doc = json.loads(path.read_text())
    expect = doc["expect"]

    async def main(clock: VirtualClock) -> None:
        async with AsyncExitStack() as stack:
            here = await stack.enter_async_context(setting(clock, engine_socket))
            scene = await opened(stack, here, doc["buyers"], allow_regions=tuple(doc.get("allow_regions", ())))
            started = clock.monotonic()
            already = {name: offered(name, its["payout"], clock.now()) for name, its in doc.get("already", {}).items()}
            closed = await scene.hold(
                clock,
                doc.get("deadline_s", 10),
                ask=ask(doc.get("floor", "1")),
                excluded=doc.get("excluded", ()),
                already=already,
            )
            assert clock.monotonic() - started == pytest.approx(expect["closed_at_s"], abs=0.02)
            assert {result.buyer: result.label for result in closed.results} == expect["results"]
            assert [offer.buyer for offer in closed.offers] == expect["ranking"]
            assert closed.closed_by == expect["closed_by"]
            assert [result.buyer for result in closed.results] == list(doc["buyers"])
            if "asked" in expect:
                assert scene.asked == expect["asked"]
            reported = [result.buyer for result in here.seen.results]
            assert sorted(reported) == sorted(set(doc["buyers"]) - set(already))

    run_virtual(main)
