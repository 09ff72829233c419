"""What is played to those who wait for a conference to start, or who are on hold in it."""

import asyncio
from dataclasses import dataclass

from callrouter.simulator.carrier.line import Fetch, Line
from callrouter.simulator.carrier.media import NotAudio, wav_length_s
from callrouter.simulator.carrier.player import Player
from callrouter.simulator.carrier.switch import Switch
from callrouter.simulator.carrier.twiml import BadDocument, Document
from callrouter.simulator.carrier.webhooks import WebhookFailed

_ALLOWED = frozenset({"Play", "Say", "Pause", "Redirect"})


class NoTune(Exception):
    """The URL gave nothing that can be played."""


@dataclass(frozen=True)
class Tune:
    """Where the sound comes from. No ``url`` means the carrier's own music; an empty one means silence."""

    url: str | None = None
    method: str = "POST"


@dataclass(frozen=True)
class Score:
    """A fetched tune: a document, or audio with its length."""

    url: str
    document: Document | None
    length_s: float = 0.0


class Tunes:
    """Plays tunes to one line. They go round only if their document ends in a ``Redirect``; then there is silence."""

    def __init__(self, switch: Switch, line: Line) -> None:
        self._line = line
        self._player = Player(switch, line)

    async def fetch(self, tune: Tune) -> Score | None:
        """What to play; ``None`` when nothing has to be fetched. Raises `NoTune`."""
        if not tune.url:
            return None
        try:
            reply = await self._player.ask(Fetch(tune.url, {}, "wait", tune.method))
            if reply.content_type.startswith("audio/"):
                return Score(reply.url, None, wav_length_s(reply.body))
            document = self._player.read(reply)
        except (WebhookFailed, BadDocument, NotAudio) as error:
            raise NoTune from error
        wrong = {verb.tag for verb in document.verbs} - _ALLOWED
        document.record.problems += [f"{verb}: not allowed for those who wait" for verb in sorted(wrong)]
        return Score(reply.url, document)

    async def play(self, tune: Tune, score: Score | None = None) -> None:
        """Play until the sound ends, which the carrier's own music never does."""
        if tune.url is None:
            self._line.hear("hold", "the carrier's music")
            await asyncio.Event().wait()
        following: Tune | None = tune
        try:
            while following is not None and following.url:
                score = score or await self.fetch(following)
                following = await self._perform(score) if score else None
                score = None
        except NoTune:
            self._line.hear("silence", "nothing to play")
            return
        self._line.hear("silence", "played")

    async def _perform(self, score: Score) -> Tune | None:
        """Play once; what its ``Redirect`` names, if it has one."""
        if score.document is None:
            self._line.hear("hold", score.url)
            await asyncio.sleep(score.length_s)
            return None
        for verb in score.document.verbs:
            if verb.tag == "Redirect":
                return Tune(score.document.resolve((verb.text or "").strip()), verb.get("method", "POST"))
            if verb.tag in _ALLOWED:
                await self._player.sound(verb, score.document, "hold")
        return None
