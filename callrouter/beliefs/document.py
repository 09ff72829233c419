"""Beliefs as a JSON document, and back: exactly the same to the last digit."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from callrouter.beliefs.alarms import Alarm
from callrouter.beliefs.beliefs import ANSWERED_RING_S, FAILED_RING_S, Beliefs, BuyerBeliefs
from callrouter.beliefs.rates import Answers, Patience, Rings
from callrouter.beliefs.replies import ReplyTimes
from callrouter.beliefs.talk import TalkEvidence

FORM = 1


class UnreadableBeliefs(ValueError):
    """The document is of another form than this program writes."""


def dumped(beliefs: Beliefs) -> str:
    """All that is believed, as JSON text."""
    document = {
        "form": FORM,
        "version": beliefs.version,
        "learned_at": beliefs.learned_at,
        "buyers": {name: _buyer(known) for name, known in sorted(beliefs.buyers.items())},
        "pool": {vertical: asdict(evidence) for vertical, evidence in sorted(beliefs.pool.items())},
        "patience": [[*of, p.left, p.exposed_s] for of, p in sorted(beliefs.patience.items())],
        "talking": {talk: list(of) for talk, of in beliefs.talking.items()},
    }
    return json.dumps(document, separators=(",", ":"))


def loaded(text: str) -> Beliefs:
    """Beliefs that go on learning from there. Raises `UnreadableBeliefs`."""
    try:
        document = json.loads(text)
        if document["form"] != FORM:
            raise UnreadableBeliefs(f"form {document['form']} is not {FORM}")
        beliefs = Beliefs()
        beliefs.version, beliefs.learned_at = document["version"], document["learned_at"]
        beliefs.buyers = {name: _read_buyer(known) for name, known in document["buyers"].items()}
        beliefs.pool = {vertical: TalkEvidence(**evidence) for vertical, evidence in document["pool"].items()}
        beliefs.patience = {(vertical, of): Patience(*rest) for vertical, of, *rest in document["patience"]}
        beliefs.talking = {talk: (buyer, vertical, at) for talk, (buyer, vertical, at) in document["talking"].items()}
    except UnreadableBeliefs:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableBeliefs(f"not a document of beliefs: {type(error).__name__}") from error
    return beliefs


def _buyer(known: BuyerBeliefs) -> dict[str, Any]:
    return {
        "answers": asdict(known.answers),
        "ring": [known.ring.sum_s, known.ring.count],
        "failing": [known.failing.sum_s, known.failing.count],
        "pings": [list(ping) for ping in known.replies.pings],
        "offers": [list(offer) for offer in known.replies.offers],
        "talks": {vertical: asdict(evidence) for vertical, evidence in known.talks.items()},
        "alarms": {vertical: asdict(alarm) for vertical, alarm in known.alarms.items()},
    }


def _read_buyer(document: Mapping[str, Any]) -> BuyerBeliefs:
    answers = document["answers"]
    return BuyerBeliefs(
        answers=Answers(answers["answered"], answers["dials"], Alarm(**answers["alarm"])),
        ring=Rings(ANSWERED_RING_S, *document["ring"]),
        failing=Rings(FAILED_RING_S, *document["failing"]),
        replies=ReplyTimes.of(document["pings"], [(payout, min_s) for payout, min_s in document["offers"]]),
        talks={vertical: TalkEvidence(**evidence) for vertical, evidence in document["talks"].items()},
        alarms={vertical: Alarm(**alarm) for vertical, alarm in document["alarms"].items()},
    )
