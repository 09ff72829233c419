"""Live parts of pages: sent when they change, for as long as somebody may see them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console import events
from callrouter.console.console import Console
from callrouter.console.pages import AGENTS, guarded
from callrouter.console.sessions import Session
from callrouter.errors import EngineUnavailable, LedgerUnavailable, NotFound
from tests.console.served import Browser, serving
from tests.support.waiting import wait_until


class Part:
    """Something that is shown, and changes when a test says so."""

    def __init__(self) -> None:
        self.text = "<p>one</p>"
        self.error: Exception | None = None
        self.rendered = 0

    async def __call__(self) -> str:
        self.rendered += 1
        if self.error is not None:
            raise self.error
        return self.text


@asynccontextmanager
async def showing(console: Console, part: Part) -> AsyncIterator[Browser]:
    """The part at ``/console/part``, and somebody signed in."""

    async def handle(request: Request, session: Session) -> Response:
        return events.live(console, request, session, part, every_s=0.02)

    async with serving(console, [Route("/console/part", guarded(console, AGENTS, handle))]) as browser:
        await browser.sign_in()
        yield browser


class Stream:
    """The events that a browser has got."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.events: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        event: list[str] = []
        async for raw in self.answer.content:
            line = raw.decode().rstrip("\r\n")
            if line:
                event.append(line)
            elif event:
                self.events.append("\n".join(event))
                event = []

    @property
    def over(self) -> bool:
        """Whether the server has ended it."""
        return self._reading.done()

    async def close(self) -> None:
        """Go away."""
        self._reading.cancel()
        self.answer.close()


async def opened(browser: Browser) -> Stream:
    answer = await browser.session.get(f"{browser.url}/console/part")
    assert answer.status == 200
    return Stream(answer)


async def test_a_part_is_sent_at_once_and_again_when_it_has_changed(console: Console) -> None:
    part = Part()
    async with showing(console, part) as browser:
        stream = await opened(browser)
        await wait_until(lambda: part.rendered > 5)
        part.text = "<p>two</p>\n<p>lines</p>"
        await wait_until(lambda: len(stream.events) == 2)
        await stream.close()
    assert stream.events == ["data: <p>one</p>", "data: <p>two</p>\ndata: <p>lines</p>"]


async def test_a_stream_ends_with_its_session(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "CHECK_SESSION_EVERY_S", 0.05)
    async with showing(console, Part()) as browser:
        stream = await opened(browser)
        (session_id,) = browser.cookies.values()
        await console.engine.delete(console.engine.keys.session(_digest(session_id)))
        await wait_until(lambda: stream.over)
    assert stream.events[-1].startswith("event: signed-out")


async def test_a_stream_ends_with_its_client_and_leaves_nothing(console: Console) -> None:
    part = Part()
    async with showing(console, part) as browser:
        stream = await opened(browser)
        await wait_until(lambda: console.streams)
        await stream.close()
        await wait_until(lambda: not console.streams)
        seen = part.rendered
        await wait_until(lambda: part.rendered <= seen + 1)


async def test_one_session_has_only_so_many_streams(console: Console) -> None:
    async with showing(console, Part()) as browser:
        streams = [await opened(browser) for _ in range(events.MAX_STREAMS)]
        await wait_until(lambda: sum(console.streams.values()) == events.MAX_STREAMS)
        page = await browser.get("/console/part")
        assert (page.status, "Too many live pages" in page.text) == (429, True)
        for stream in streams:
            await stream.close()
        await wait_until(lambda: not console.streams)


async def test_pages_that_are_opened_all_at_once_are_not_more(console: Console) -> None:
    async with showing(console, Part()) as browser:
        asked = [browser.session.get(f"{browser.url}/console/part") for _ in range(30)]
        answers = await asyncio.gather(*asked)
        assert sum(answer.status == 200 for answer in answers) == events.MAX_STREAMS
        for answer in answers:
            answer.close()
        await wait_until(lambda: not console.streams)


async def test_an_instance_that_leaves_sends_what_there_is_and_ends(console: Console) -> None:
    async with showing(replace(console, leaving=lambda: True), Part()) as browser:
        stream = await opened(browser)
        await wait_until(lambda: stream.over)
    assert stream.events == ["data: <p>one</p>"]


@pytest.mark.parametrize("out", [EngineUnavailable, LedgerUnavailable])
async def test_what_is_out_for_a_moment_leaves_the_page_as_it_is(console: Console, out: type[Exception]) -> None:
    part = Part()
    async with showing(console, part) as browser:
        stream = await opened(browser)
        await wait_until(lambda: stream.events)
        part.error = out("ConnectionError")
        seen = part.rendered
        await wait_until(lambda: part.rendered > seen + 2)
        part.error, part.text = None, "<p>two</p>"
        await wait_until(lambda: len(stream.events) == 2)
        await stream.close()


async def test_what_is_gone_ends_the_stream_with_a_word(console: Console) -> None:
    part = Part()
    async with showing(console, part) as browser:
        stream = await opened(browser)
        await wait_until(lambda: stream.events)
        part.error = NotFound("TR1")
        await wait_until(lambda: stream.over)
    assert stream.events[-1].startswith("event: over")


async def test_nobody_gets_a_stream_without_a_session(console: Console) -> None:
    async with showing(console, Part()) as browser:
        browser.session.cookie_jar.clear()
        assert (await browser.get("/console/part")).status == 303


def _digest(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
