"""While nobody has made an offer, each decline changes who is waited for, and nothing that needs saying again."""

from tests.support.world import World, in_world, offers, plan, refuses


@in_world(plan(auction={"policy": "expected_value"}))
async def test_that_there_is_no_offer_yet_is_decided_at_each_reply_and_recorded_once(world: World) -> None:
    world.lmal.answer = refuses(latency_s=0.4)
    world.contactability.answer = offers("20", "+12145550112", latency_s=1.4)
    record = await world.record(await world.call())
    assert [(one["choice"], one["because"]) for one in record["decisions"]] == [
        ("wait", "no_offer_yet"),
        ("dial", "all_answered"),
    ]
    assert [awaited["buyer"] for awaited in record["decisions"][0]["awaited"]] == ["letsmakealead", "contactability"]
