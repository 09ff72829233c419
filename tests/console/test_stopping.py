"""A service that is told to stop while somebody looks at a live page."""

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.console.served import OPS_TOKEN
from tests.support.process import ServiceProcess, free_port

PLAN = {
    "plan": "auto",
    "numbers": {"inbound": ["+18885550100"]},
    "buyers": {
        "letsmakealead": {
            "adapter": "letsmakealead",
            "mode": "one_step",
            "url": "http://127.0.0.1:9/ping",
            "credentials": {"partnerid": "P1", "key": "lmal-key-of-tests"},
            "params": {"numcategory": 12003, "subid": "ivr"},
        }
    },
}


@pytest.mark.real_time
async def test_a_service_that_stops_ends_its_live_pages_and_does_not_wait_for_them(
    tmp_path: Path, engine_socket: Path
) -> None:
    plans = tmp_path / "dialplans"
    plans.mkdir()
    (plans / "auto.yaml").write_text(yaml.safe_dump(PLAN))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        "CALLROUTER_PUBLIC_URL": url,
        "CALLROUTER_REDIS_URL": f"unix://{engine_socket}",
        "CALLROUTER_DATA_DIR": str(tmp_path / "data"),
        "CALLROUTER_DIALPLANS": str(plans),
        "CALLROUTER_API_TOKENS": f"ops:olga:{OPS_TOKEN}",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "an-auth-token-of-tests",
        "TWILIO_API_URL": "http://127.0.0.1:9",
    }
    service = ServiceProcess(environ, port, tmp_path / "log")
    await service.start()
    await service.ready()
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.post(
                f"{url}/console/sign-in", data={"token": OPS_TOKEN, "next": "/console/live"}
            ) as page:
                live = re.search(r'hx-sse:connect="([^"]+)"', await page.text())
            assert live
            async with session.get(url + live.group(1)) as stream:
                assert (await stream.content.readline()).startswith(b"data: ")
                stopping = asyncio.create_task(service.stop())
                async with asyncio.timeout(4):
                    await stream.content.read()
        async with asyncio.timeout(4):
            assert await stopping == 0
    except BaseException:
        await service.kill()
        raise
    assert "Traceback" not in (tmp_path / "log").read_text()
