import asyncio, sys, time
sys.path.insert(0,'/work/main')
from pathlib import Path
import pytest
from tests.grafana.recording import recorded
from tests.support.world import *
from tests.support.virtual_time import run_virtual, EPOCH
from callrouter.simulator.carrier import PhoneScript
from callrouter.simulator.partners import Answer

def go(engine_socket, tmp_path, main, dialplan=None, epoch=EPOCH, instances=2):
    async def whole(clock):
        w = World(clock, engine_socket, tmp_path, 1, dialplan or plan(), instances)
        async with w as world:
            async with recorded(world, tmp_path) as rec:
                await main(world)
            t=time.time()
            print("\nFIRING", {k: sorted(v) for k,v in rec.raised().items()}, "PENDING", {k: sorted(v) for k,v in rec.raised("pending").items()}, time.time()-t)
    t=time.time(); run_virtual(whole, epoch); print("took", time.time()-t)

async def callers(world, minutes, every_s, **script):
    for no in range(int(minutes*60/every_s)):
        world.use_instance(no % len(world.served))
        world.place(from_=f"+1512555{no:04d}", digits="78701", **script) if False else world.place(from_=f"+1512555{no:04d}", **script)
        await asyncio.sleep(every_s)

def test_a(engine_socket, tmp_path):
    async def main(world):
        world.lmal.answer = refuses(); world.contactability.answer = refuses()
        await callers(world, 16, 40)
        await world.settled()
    go(engine_socket, tmp_path, main)

def test_a3(engine_socket, tmp_path):
    async def main(world):
        world.lmal.answer = offers("30.00", "+16505550101"); world.contactability.answer = offers("20.00", "+16505550102")
        for n in ("+16505550101","+16505550102"): world.carrier.phone(n, PhoneScript(ring_s=60, result="no_answer"))
        await callers(world, 16, 40)
        await world.settled()
    go(engine_socket, tmp_path, main)

def test_night(engine_socket, tmp_path):
    b = {n: {**e, "guards": {"hours": {"mon-sun": "09:00-17:00", "zone": "America/Chicago"}}} for n,e in BUYERS.items()}
    async def main(world):
        await callers(world, 20, 60)
        await world.settled()
    # 3 a.m. in Chicago = 09:00 UTC
    go(engine_socket, tmp_path, main, plan(buyers=b), EPOCH + 14*3600+20*60)

@pytest.mark.parametrize("every", [60, 100, 20])
def test_b(engine_socket, tmp_path, every):
    async def main(world):
        world.lmal.answer = lambda p: Answer(latency_s=0.1, fault="5xx"); world.contactability.answer = offers("20.00", "+16505550102")
        world.carrier.phone("+16505550102", PhoneScript(ring_s=2, talk_s=30))
        await callers(world, 25, every)
        await world.settled()
    go(engine_socket, tmp_path, main)

def test_c(engine_socket, tmp_path):
    async def main(world):
        world.lmal.answer = refuses(); world.contactability.answer = refuses()
        await world.dialler.stop()
        await world.call()
        await asyncio.sleep(16*60)
        await world.dialler.start()
        await asyncio.sleep(16*60)
    go(engine_socket, tmp_path, main)
@pytest.mark.parametrize("out", [4, 30, 300])
def test_d(engine_socket, tmp_path, out):
    import redis.asyncio as r
    link = tmp_path / "e.sock"; link.symlink_to(engine_socket)
    async def main(world):
        world.lmal.answer = offers("30.00", "+16505550101"); world.contactability.answer = refuses()
        await asyncio.sleep(120)
        op = r.Redis.from_url(f"unix://{engine_socket}")
        link.unlink()
        await op.client_kill_filter(_type="normal", skipme=True)
        await asyncio.sleep(out)
        link.symlink_to(engine_socket)
        await asyncio.sleep(600)
        await op.aclose()
    go(link, tmp_path, main)
