"""The course that a call would have taken from the moment on at which it leaves the recorded one.

Replies are those that came, at their times. A dial of an offer that was dialled at about the same time ends as it did;
any other is valued by what was believed then, and the course goes on with the chance that it fails with the caller
still there: there is one course, and at each dial part of it ends.
"""

from dataclasses import replace
from math import exp, inf

from callrouter.auction.known import Asked, InHand, Known
from callrouter.auction.policy import decide
from callrouter.auction.verdict import Verdict
from callrouter.auction.worth import Weighing
from callrouter.beliefs.beliefs import Beliefs
from callrouter.domain.decision import Choice, Rules
from callrouter.replaying.changes import Changes
from callrouter.replaying.past import Dialled, Past, Reply, Round
from callrouter.replaying.really import FAILED, Held, stretches
from callrouter.replaying.tally import Comes, Doubt, Tally
from callrouter.replaying.walks import Walk, Wanted

SAME_DIAL_S = 10.0
"""By how much earlier or later the same offer may be dialled and still end as it did."""
NEGLIGIBLE = 1e-4
"""A course that is less likely than this is not followed further."""
_MOMENT_S = 1e-3


class Course:
    """One call, from its auction's beginning. Times are epoch seconds."""

    def __init__(self, past: Past, changes: Changes) -> None:
        first = past.known[0]
        self._past, self._changes = past, changes
        self._rules: Rules = changes.rules(first.rules)
        self._tries_left = changes.known(first).tries_left
        self._round = past.rounds[past.decisions[0].auction]
        self._shift_s = 0.0
        """By how much later than in fact the present auction began."""
        self._taken: set[str] = set()
        """Buyers that were dialled: none is twice."""
        self._dials = 0
        self._stretches: list[Held] = stretches(past)
        self._stretch: int | None = 0
        """Which hold of the real call this one is like; ``None``: none, for other dials went before it."""
        self._held_s = 0.0
        """In this stretch."""
        self._decision = 0
        """The last decision that was made by now, in fact."""
        self.tally = Tally()
        self.now = self._round.since

    @property
    def comes(self) -> Comes:
        """What it comes to."""
        return self.tally.comes

    # -- along the recorded course -------------------------------------------------------------------------------

    def held_until(self, at: float) -> None:
        """The caller was held, in fact too."""
        seconds = max(0.0, at - self.now)
        self.tally.hold(seconds)
        self._held_s += seconds
        self.now = at

    def asks_again(self, no: int) -> None:
        """The next auction was held, in fact too."""
        self._round = self._past.rounds[no]

    def dials_as_recorded(self, dial: Dialled) -> None:
        """The same offer is dialled as in fact, and it ends as it did."""
        self._taken.add(dial.buyer)
        if dial.result is not None:
            self._dials += 1
            self._tries_left -= 1
            self.tally.dials(dial.buyer, float(dial.paid))
        if dial.result == "caller_gone":
            self.tally.leaves(1.0)
        elif dial.ended_at is None or (dial.result is not None and dial.result not in FAILED):
            self.tally.ends()
        else:
            self.now += dial.ended_at - dial.at
            if self._stretch is not None:
                self._stretch += 1
            self._held_s = 0.0

    # -- away from it --------------------------------------------------------------------------------------------

    def goes_on(self, verdict: Verdict | None, believed: Beliefs) -> Walk[bool]:
        """From here by what `decide` says, first this; whether all beliefs were to be had."""
        while self.tally.reach > NEGLIGIBLE:
            if verdict is None:
                answer = yield self._wanted()
                if answer is None:
                    return False
                believed = answer
                verdict = decide(self.known(), believed, self.now)
            if verdict.choice is Choice.WAIT:
                self._wait(verdict.until, believed)
            elif verdict.choice is Choice.DIAL and verdict.buyer is not None:
                self._dial(verdict.buyer, believed)
            elif not self._ask_again():
                break
            verdict = None
        return True

    def _wanted(self) -> Wanted:
        decisions = self._past.decisions
        while self._decision + 1 < len(decisions) and decisions[self._decision + 1].at <= self.now:
            self._decision += 1
        return Wanted(decisions[self._decision].beliefs, decisions[self._decision].at)

    def known_at(self, place: int) -> Known:
        """The recorded decision at this place has been come to: what is known there."""
        self._decision = place
        known = self._changes.known(self._past.known[place])
        late = {reply.asked.buyer for reply in self._round.replies if self._too_late(reply)}
        return replace(known, in_hand=tuple(offer for offer in known.in_hand if offer.buyer not in late))

    def known(self) -> Known:
        """What is known now."""
        in_hand, awaited = [], []
        for reply in self._round.replies:
            buyer = reply.asked.buyer
            if buyer in self._taken or buyer in self._changes.without:
                continue
            if reply.replied_at is None or reply.replied_at + self._shift_s > self.now or self._too_late(reply):
                awaited.append(self._shifted(reply.asked))
            elif reply.offer is not None and self._changes.allows(buyer, reply.offer.payout):
                in_hand.append(self._offer(reply.offer))
        since = self._round.since + self._shift_s
        return Known(
            sid=self._past.sid,
            vertical=self._past.known[0].vertical,
            since=since,
            deadline_at=self._changes.deadline_at(since, self._round.deadline_at + self._shift_s),
            tries_left=self._tries_left,
            in_hand=tuple(in_hand),
            awaited=tuple(awaited),
            rules=self._rules,
        )

    def _too_late(self, reply: Reply) -> bool:
        """Whether it never comes, for the pings end with a deadline that is shorter than it was."""
        deadline_at = self._changes.deadline_at(self._round.since, inf)
        return reply.replied_at is not None and reply.replied_at > deadline_at

    def _shifted(self, asked: Asked) -> Asked:
        shift = self._shift_s
        return Asked(asked.buyer, asked.asked_at + shift, asked.until + shift) if shift else asked

    def _offer(self, offer: InHand) -> InHand:
        if not self._shift_s:
            return offer
        return InHand(offer.buyer, offer.payout, offer.min_s, offer.dial_by + self._shift_s)

    def _wait(self, until: float | None, believed: Beliefs) -> None:
        moments = [reply.replied_at + self._shift_s for reply in self._round.replies if reply.replied_at is not None]
        coming = [moment for moment in moments if moment > self.now]
        end = min([*coming, *([until] if until is not None else [])], default=self.now)
        self._note_cut_off()
        self._hold(max(end, self.now + _MOMENT_S), believed)

    def _note_cut_off(self) -> None:
        gone = {*self._taken, *self._changes.without}
        if any(reply.replied_at is None and reply.asked.buyer not in gone for reply in self._round.replies):
            self.tally.doubts(Doubt.CUT_OFF)

    def _hold(self, until: float, believed: Beliefs) -> None:
        seconds = until - self.now
        seen_s, left = self._seen()
        known_s = min(max(0.0, seen_s - self._held_s), seconds)
        self.tally.hold(known_s)
        beyond_s = seconds - known_s
        if beyond_s > _MOMENT_S and left:
            self.tally.leaves(1.0)
        elif beyond_s > _MOMENT_S:
            leave = 1.0 - exp(-believed.leave_per_s(self._past.known[0].vertical, "hold") * beyond_s)
            self.tally.hold(beyond_s * (1.0 - leave / 2))
            self.tally.leaves(leave)
            self.tally.doubts(Doubt.HELD_LONGER)
        self._held_s += seconds
        self.now = until

    def _seen(self) -> tuple[float, bool]:
        """For how long it was seen that the caller stays in such a hold, and whether they left then."""
        if self._stretch is None or self._stretch >= len(self._stretches):
            return 0.0, False
        held = self._stretches[self._stretch]
        return held.seconds, held.left

    def _dial(self, buyer: str, believed: Beliefs) -> None:
        real = self._real(buyer)
        if real is not None:
            self.dials_as_recorded(real)
            return
        known = self.known()
        offer = next(offer for offer in known.in_hand if offer.buyer == buyer)
        weighing = Weighing(known, believed, self.now)
        dial, chances = weighing.dial(offer), weighing.chances(buyer, offer.min_s)
        picked_up = chances.answers * chances.stays
        wins = picked_up * chances.talks
        self.tally.would_dial(buyer, float(offer.payout), wins, believed.dials(buyer))
        self.tally.doubts(Doubt.NEVER_DIALLED)
        leaves = max(0.0, 1.0 - picked_up - dial.keep)
        self.tally.leaves(leaves)
        self.tally.ends(min(1.0, picked_up / (1.0 - leaves)) if leaves < 1.0 else 1.0)
        self._taken.add(buyer)
        self._dials += 1
        self._tries_left -= 1
        self._stretch, self._held_s = None, 0.0
        self.now += dial.failing_s

    def _real(self, buyer: str) -> Dialled | None:
        """The dial of this very offer that was made at about this time."""
        for dial in self._past.dials.values():
            same = dial.buyer == buyer and dial.auction == self._round.no
            if same and abs(dial.at + self._shift_s - self.now) <= SAME_DIAL_S:
                return dial
        return None

    def _ask_again(self) -> bool:
        """The next auction, if one was held; it is as it was, from now on."""
        if not self._dials or self._tries_left <= 0:
            return False
        later: Round | None = self._past.rounds.get(self._round.no + 1)
        if later is None:
            self.tally.doubts(Doubt.ASKED_AGAIN)
            return False
        self._round, self._shift_s = later, self.now - later.since
        return True
