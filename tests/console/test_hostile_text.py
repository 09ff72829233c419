"""Text that others choose, on every screen: it is shown as text, and never becomes part of the page."""

import aiohttp

from callrouter.simulator.partners import Answer
from tests.console.test_agent import Screen
from tests.support.world import CALLER, OPS_TOKEN
from tests.transfers.agents import ANNA_TOKEN, Anna, with_agent

MARK = "alert(4711)"
HOSTILE = f"\"'></title></details></pre></svg><script>{MARK}</script>\r\n\r\ndata: <img src=x onerror={MARK}>"


def harmless(text: str) -> bool:
    """Whether the text stands there, and as text."""
    return MARK in text and f"<script>{MARK}" not in text and "<img src=x" not in text and "\"'>" not in text


@with_agent()
async def test_what_callers_agents_and_buyers_write_stays_text_on_every_screen(anna: Anna) -> None:
    anna.world.contactability.answer = lambda asked: Answer(body=HOSTILE.encode())
    facts = {"zip": "78701", "first_name": HOSTILE[:120], "city": HOSTILE[:120], "fields": {"note": HOSTILE}}
    assert (await anna.ask("PUT", f"/callers/{CALLER}", facts))[0] == 200
    async with aiohttp.ClientSession() as session:
        hers, ops = Screen(anna.world, session), Screen(anna.world, session)
        await hers.signs_in(ANNA_TOKEN)
        await ops.signs_in(OPS_TOKEN)
        assert harmless(await hers.gets_an_offer(agent_name=f"{MARK}{HOSTILE}"[:80]))
        sid = hers.at.rpartition("/")[2]
        form = {"phone": "x", "agent_name": HOSTILE[:80], "first_name": HOSTILE, "plan": HOSTILE, "zip": HOSTILE}
        assert harmless((await hers.asks("POST", "/console/transfer", form))[1])
        known = await hers.asks("POST", "/console/transfer/known", {"phone": CALLER}, **{"HX-Request": "true"})
        assert harmless(known[1])
        off = await ops.asks("POST", "/console/buyers/auto/letsmakealead/off", {"why": HOSTILE[:120]})
        assert off[0] in (200, 303)
        pages = [f"/console/calls/{sid}", "/console/buyers", f"/console/callers?phone={CALLER.removeprefix('+')}"]
        for page in pages:
            assert harmless((await ops.asks("GET", page))[1]), page
        echoed = await ops.asks("GET", f"/console/calls?phone={MARK}%22%3E%3Cscript%3E{MARK}&buyer=%22%3E%3Cscript%3E")
        assert "<script>alert" not in echoed[1]
        anna.id = sid
        await anna.cancels()
        await anna.kept(sid)
        assert harmless((await ops.asks("GET", f"/console/calls/{sid}"))[1])
