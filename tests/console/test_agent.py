"""An agent at her screen, over HTTP: from the caller's number to the clock that has run to qualified."""

import asyncio
import re
from collections.abc import Mapping

import aiohttp

from callrouter.domain.caller import Caller
from callrouter.simulator.carrier import PhoneScript
from tests.support.world import CALLER, OPS_TOKEN, World, plan, refuses
from tests.transfers.agents import ANNA_TOKEN, BEN_TOKEN, FIRST, Anna, until_so, with_agent

PHONE = {"phone": "(512) 555-0123", "zip": "78701", "plan": "auto", "agent_name": "Anna", "agent_phone": "5125550177"}


class Screen:
    """A browser without a screen: it keeps its cookie, and sends forms as our pages do."""

    def __init__(self, world: World, session: aiohttp.ClientSession) -> None:
        self.world = world
        self._session = session
        self._cookie = ""
        self._csrf = ""
        self.at = ""

    async def signs_in(self, token: str = ANNA_TOKEN) -> None:
        """With her token."""
        status, _, headers = await self.asks("POST", "/console/sign-in", {"token": token})
        assert status == 303
        self._cookie = headers["Set-Cookie"].partition(";")[0]
        _, text, _ = await self.asks("GET", "/console/transfer")
        found = re.search(r'name="csrf" value="([^"]+)"', text)
        assert found
        self._csrf = found.group(1)

    async def asks(
        self, method: str, path: str, form: Mapping[str, str] | None = None, **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers of one request."""
        sent = {"Cookie": self._cookie, **headers}
        data = {**form, "csrf": self._csrf} if form is not None else None
        url = f"{self.world.base_url}{path}"
        async with self._session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def gets_an_offer(self, **changes: str) -> str:
        """The text of the transfer's page."""
        status, _, headers = await self.asks("POST", "/console/transfer", {**PHONE, **changes})
        assert status == 303
        self.at = headers["Location"]
        return (await self.asks("GET", self.at))[1]

    async def presses(self, action: str, **form: str) -> tuple[int, str]:
        """One button, by htmx."""
        status, text, _ = await self.asks("POST", f"{self.at}/{action}", form, **{"HX-Request": "true"})
        return status, text

    async def sees(self, words: str, timeout_s: float = 60) -> str:
        """The page's text when these words have come up."""
        text = ""

        async def there() -> bool:
            nonlocal text
            text = (await self.asks("GET", self.at))[1]
            return words in text

        try:
            await until_so(there, timeout_s, every_s=0.5)
        except TimeoutError:
            raise AssertionError(f"no {words!r} in {text}") from None
        return text

    async def streams(self, until: str) -> list[str]:
        """What the live part is sent, up to the event with these words."""
        events: list[str] = []
        url = f"{self.world.base_url}{self.at}/live"
        async with self._session.get(url, headers={"Cookie": self._cookie}) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/event-stream"
            event: list[str] = []
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                if line:
                    event.append(line)
                    continue
                events.append("\n".join(event))
                event = []
                if until in events[-1]:
                    return events
        return events


def at_screen(anna: Anna, session: aiohttp.ClientSession) -> Screen:
    return Screen(anna.world, session)


@with_agent()
async def test_the_agent_takes_an_offer_bridges_leaves_and_the_clock_runs_to_qualified(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        page = await screen.gets_an_offer()
        for words in ("Offer from letsmakealead", "$40.00", "1:30", "+1 512 555 0123"):
            assert words in page
        status, text = await screen.presses("bridge", caller="call")
        assert status == 200
        assert "<html" not in text
        await screen.sees("letsmakealead is on the line")
        assert (await screen.presses("complete"))[0] == 200
        await screen.sees("Handed over to letsmakealead")
        await screen.sees("Minimum talk time reached.", timeout_s=120)
        assert screen.at in (await screen.asks("GET", "/console/transfer"))[1]
        next(leg for leg in anna.world.carrier.outbound if leg.live and leg.label == "caller-1").hang_up()
        assert "Qualified" in await screen.sees("and the caller talked for")


@with_agent()
async def test_a_buyer_that_does_not_answer_is_followed_by_the_next_one(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, result="busy"))
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        await screen.gets_an_offer()
        await screen.presses("bridge")
        text = await screen.sees("contactability is on the line")
        assert "<strong>letsmakealead</strong> was busy" in text
        await screen.presses("cancel")
        await screen.sees('data-state="ended"')


@with_agent()
async def test_the_live_part_is_sent_when_it_has_changed_and_only_then(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        await screen.gets_an_offer()
        streaming = asyncio.create_task(screen.streams(until='data-state="ended"'))
        await anna.passes(3)
        await screen.presses("cancel")
        events = await streaming
        assert all(event.startswith("data: ") for event in events)
        assert len(events) == len(set(events)) >= 2
        assert 'data-state="offered"' in events[0]


@with_agent()
async def test_what_cannot_be_done_now_is_told_in_words(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        await screen.gets_an_offer()
        status, text = await screen.presses("complete")
        assert status == 409
        assert 'class="notice bad"' in text
        await screen.presses("cancel")


@with_agent()
async def test_an_agents_transfers_are_nobody_elses_but_operations(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen, other, ops = (at_screen(anna, session) for _ in range(3))
        await screen.signs_in()
        await other.signs_in(BEN_TOKEN)
        await ops.signs_in(OPS_TOKEN)
        await screen.gets_an_offer()
        other.at = ops.at = screen.at
        for path in (screen.at, f"{screen.at}/live"):
            assert (await other.asks("GET", path))[0] == 404
        assert (await other.presses("cancel"))[0] == 404
        assert screen.at not in (await other.asks("GET", "/console/transfer"))[1]
        assert (await ops.asks("GET", screen.at))[0] == 200
        assert (await screen.presses("cancel"))[0] == 200


@with_agent()
async def test_agents_do_not_get_to_operations_screens(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        for path in ("live", "calls", "buyers", "callbacks", "callers"):
            assert (await screen.asks("GET", f"/console/{path}"))[0] == 403, path


@with_agent()
async def test_what_is_known_of_a_number_is_shown_and_used(anna: Anna) -> None:
    engine = anna.world.app.instance.engine
    known = Caller(phone=CALLER, zip="78701", first_name="Rosa", last_name="Diaz", consent=True)
    await engine.set(engine.keys.caller(CALLER), known.model_dump_json(), 1_000)
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        _, text, _ = await screen.asks("POST", "/console/transfer/known", {"phone": "512-555-0123"})
        assert "Rosa Diaz" in text
        assert "consent given" in text
        assert "Nothing is known" in (await screen.asks("POST", "/console/transfer/known", {"phone": "5125550144"}))[1]
        page = await screen.gets_an_offer(zip="", last_name="Ruiz")
        assert "Rosa Ruiz" in page
        assert "78701" in page
        await screen.presses("cancel")


@with_agent()
async def test_the_screen_remembers_who_the_agent_is(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen, other = at_screen(anna, session), at_screen(anna, session)
        await screen.signs_in()
        await screen.gets_an_offer()
        await screen.presses("cancel")
        _, text, _ = await screen.asks("GET", "/console/transfer")
        assert 'value="Anna"' in text
        await other.signs_in(BEN_TOKEN)
        assert 'value="Anna"' not in (await other.asks("GET", "/console/transfer"))[1]


@with_agent()
async def test_a_form_that_is_not_right_is_given_back_with_what_was_typed(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        form = {**PHONE, "phone": "55", "first_name": "<Rosa>"}
        status, text, _ = await screen.asks("POST", "/console/transfer", form)
        assert status == 422
        assert "Mend what is marked" in text
        assert 'aria-invalid="true"' in text
        assert "&lt;Rosa&gt;" in text


@with_agent()
async def test_nobody_wants_the_caller_and_the_screen_says_why(anna: Anna) -> None:
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        page = await screen.gets_an_offer()
        assert "No buyer took this caller. The caller will be called back." in page
        assert "<strong>letsmakealead</strong> has nobody for this area" in page


@with_agent()
async def test_the_agent_dials_herself_and_says_what_came_of_it(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        assert "Or dial the buyer yourself" in await screen.gets_an_offer()
        status, text = await screen.presses("dialled")
        assert status == 200
        assert "Dial letsmakealead" in text
        await anna.passes(125)
        status, text = await screen.presses("dialled", result="bridged", talk_min="2", talk_sec="0")
        assert status == 200
        assert "Qualified" in text


@with_agent(plan(transfers={"payout_for": ["ops"]}))
async def test_the_payout_is_kept_from_agents_where_the_plan_says_so(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen, ops = at_screen(anna, session), at_screen(anna, session)
        await screen.signs_in()
        await ops.signs_in(OPS_TOKEN)
        page = await screen.gets_an_offer()
        assert "$40.00" not in page
        assert "$40.00" in (await ops.asks("GET", screen.at))[1]
        await screen.presses("cancel")


@with_agent()
async def test_there_is_no_browser_phone_without_the_carriers_key(anna: Anna) -> None:
    async with aiohttp.ClientSession() as session:
        screen = at_screen(anna, session)
        await screen.signs_in()
        _, text, headers = await screen.asks("GET", "/console/transfer")
        assert "this browser" not in text
        assert "twilio" not in headers["Content-Security-Policy"]
        assert (await screen.asks("POST", "/console/phone/token", {}))[0] == 404
