"""Talks whose end was never told."""

from callrouter.beliefs.beliefs import LONGEST_TALK_S, Beliefs
from callrouter.beliefs.lessons import TalkBegan

AT = 1_790_000_000.0


def test_a_talk_whose_end_was_never_told_is_forgotten_by_and_by() -> None:
    """Else the beliefs of a service that runs for months would grow without end."""
    beliefs = Beliefs()
    for no in range(1, 51):
        at = AT + no * LONGEST_TALK_S / 4.5
        beliefs.learn(no, TalkBegan(talk=f"CA{no} 1", buyer="acme", vertical="auto", at=at), at)
        assert f"CA{no} 1" in beliefs.talking
        assert len(beliefs.talking) <= 5
    assert set(beliefs.talking) == {f"CA{no} 1" for no in range(46, 51)}
