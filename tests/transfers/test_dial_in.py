"""The agent's dialler transfers the caller to our number: found by number, pin or forwarding, else asked."""

from callrouter.simulator.carrier import HangUp, PhoneScript
from tests.support.world import CALLER, TRANSFER, refuses
from tests.transfers.agents import ANNAS_PHONE, FIRST, SECOND, Anna, with_agent


@with_agent()
async def test_a_transferred_caller_is_known_by_their_number_and_connected_at_once(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=95.0))
    await anna.opens()
    call = await anna.transfers_in()
    record = await anna.ends()
    assert (record["outcome"], record["buyer"], record["qualified"]) == ("bridged", "letsmakealead", True)
    assert record["transfer"]["way"] == "dial_in"
    assert [sound.kind for sound in call.heard if sound.kind == "prompt"] == []
    assert len(await anna.world.rows()) == 1


@with_agent()
async def test_a_transfer_from_the_agents_number_is_hers(anna: Anna) -> None:
    await anna.opens()
    call = anna.world.place(TRANSFER, ANNAS_PHONE)
    await anna.waits_for("talking")
    call.hang_up()
    record = await anna.ends()
    assert (record["from"], record["outcome"]) == (CALLER, "bridged")


@with_agent()
async def test_a_forwarded_call_is_known_by_whose_it_was(anna: Anna) -> None:
    await anna.opens()
    call = anna.world.place(TRANSFER, "+18005550000", extra={"ForwardedFrom": ANNAS_PHONE})
    await anna.waits_for("talking")
    call.hang_up()
    assert (await anna.ends())["outcome"] == "bridged"


@with_agent()
async def test_an_unknown_dialler_is_asked_for_the_pin(anna: Anna) -> None:
    shown = await anna.opens()
    call = anna.world.place(TRANSFER, "+12125550100", zip_digits=shown["dial_in"]["pin"])
    await anna.waits_for("talking")
    call.hang_up()
    assert (await anna.ends())["from"] == CALLER


@with_agent()
async def test_who_has_no_pin_keys_the_zip_and_is_a_call_of_their_own(anna: Anna) -> None:
    await anna.opens()
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=30.0))
    call = anna.world.place(TRANSFER, "+12125550100", zip_digits="78701")
    await call.wait_ended()
    await anna.kept(call.sid)
    record = await anna.world.record(call)
    assert (record["from"], record["zip"], record["kind"], record["transfer"]) == (
        "+12125550100",
        "78701",
        "transfer",
        None,
    )
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_a_wrong_pin_is_asked_for_once_more_and_then_it_is_a_plain_call(anna: Anna) -> None:
    await anna.opens()
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=30.0))
    call = anna.world.place(TRANSFER, "+12125550100", zip_digits="000001")
    await call.wait_ended()
    await anna.kept(call.sid)
    record = await anna.world.record(call)
    assert record["transfer"] is None
    assert len([w for w in anna.world.carrier.webhooks if "/twilio/pin/" in w.url]) == 2
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_without_any_open_transfer_nobody_is_asked_for_a_pin(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=30.0))
    await anna.world.call(TRANSFER, "+12125550100")
    await anna.world.settled()
    assert not [w for w in anna.world.carrier.webhooks if "/twilio/pin/" in w.url]


@with_agent()
async def test_a_dialled_in_caller_whose_buyer_fails_hears_the_next_one(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, result="busy"))
    anna.world.carrier.phone(SECOND, PhoneScript(ring_s=2.0, talk_s=61.0))
    await anna.opens()
    call = await anna.transfers_in()
    record = await anna.ends()
    assert [(a["buyer"], a["result"]) for a in record["attempts"]] == [
        ("letsmakealead", "busy"),
        ("contactability", "bridged"),
    ]
    assert call.longest_silence_s() < 2.5


@with_agent()
async def test_a_caller_who_dials_in_while_nobody_wants_them_is_asked_about_again_and_called_back(anna: Anna) -> None:
    await anna.opens()
    anna.world.lmal.answer = anna.world.contactability.answer = refuses()
    await anna.waits_for("unsold", timeout_s=60)
    call = await anna.transfers_in()
    record = await anna.ends()
    assert (record["outcome"], record["callback"]["id"] is not None) == ("unsold", True)
    assert [sound.kind for sound in call.heard][-1] == "prompt"


@with_agent()
async def test_a_dialled_in_caller_who_hangs_up_is_one_abandoned_call(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=12.0))
    await anna.opens()
    call = anna.world.place(TRANSFER, CALLER)
    await anna.waits_for("ringing")
    call.hang_up()
    record = await anna.ends()
    assert record["outcome"] == "abandoned"
    await anna.passes(60)
    assert len(await anna.world.rows()) == 1  # the sweeper does not find it missed


@with_agent()
async def test_a_call_whose_caller_the_carrier_lost_silently_is_found_by_the_sweeper(anna: Anna) -> None:
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=12.0))
    await anna.opens()
    call = anna.world.place(TRANSFER, CALLER)
    await anna.waits_for("ringing")
    anna.world.carrier.faults.lose_status_share = 1.0
    anna.world.carrier.faults.drop_params = frozenset({"CallStatus"})
    call.hang_up()
    record = await anna.ends()
    assert record["outcome"] in ("abandoned", "bridged", "unsold")


@with_agent()
async def test_a_transfer_that_is_bridged_already_has_no_other_caller_asked_for_its_pin(anna: Anna) -> None:
    await anna.opens()
    line = anna.caller_on_line()
    await anna.does("bridge", {"caller_call_sid": line.sid})
    await anna.waits_for("talking")
    anna.world.carrier.phone(FIRST, PhoneScript(ring_s=2.0, talk_s=30.0))
    call = anna.world.place(TRANSFER, "+12125550100")
    await call.wait_ended()
    assert not [w for w in anna.world.carrier.webhooks if "/twilio/pin/" in w.url]
    await anna.cancels()
    anna.world.carrier.hang_up(ANNAS_PHONE)
    await anna.ends()


@with_agent()
async def test_who_hangs_up_at_the_question_for_the_pin_is_on_record_and_not_called_back(anna: Anna) -> None:
    await anna.opens()
    call = anna.world.place(TRANSFER, "+12125550100", hang_up=HangUp("asked", 0.5))
    await call.wait_ended()
    await anna.kept(call.sid)
    record = await anna.world.record(call)
    assert (record["outcome"], record["from"], record["kind"]) == ("abandoned", "+12125550100", "transfer")
    assert record["callback"] == {
        "id": None,
        "due_at": None,
        "why": "it hung up when it was asked for the transfer's pin",
    }
    await anna.cancels()
    await anna.ends()


@with_agent()
async def test_who_hung_up_at_the_pin_unheard_is_found_and_not_called_back_either(anna: Anna) -> None:
    await anna.opens()
    anna.world.carrier.faults.lose_status_share = 1.0
    call = anna.world.place(TRANSFER, "+12125550100", hang_up=HangUp("asked", 0.5))
    await call.wait_ended()
    await anna.kept(call.sid)
    assert (await anna.world.record(call))["callback"]["id"] is None
    await anna.cancels()
    await anna.ends()
