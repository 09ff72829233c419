"""Chunks of lessons as the archive keeps them: made, read, and learned from. Pure, and slow enough for a thread."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import UnreadableBeliefs, dumped, loaded
from callrouter.learning.folding import fold
from callrouter.learning.log import Entry
from callrouter.ledger.lessons import LessonChunk

STATE_EVERY = 5000
"""So many numbers after a state there is another: that of twenty buyers is as long, packed, as 3,000 lessons."""


@dataclass(frozen=True, slots=True)
class Made:
    """A chunk, and what is believed after it."""

    chunk: LessonChunk
    version: int
    document: str


def made(
    prior: int,
    before: str,
    entries: Sequence[Entry],
    follows: LessonChunk | None,
    state_every: int = STATE_EVERY,
) -> Made:
    """The chunk of these lessons, given the document of the beliefs before, of version ``prior``.

    ``follows`` is the archive's last chunk; when these lessons come right after it, its state may serve for this one.
    """
    shares = follows is not None and follows.last == prior and entries[-1].number - follows.base < state_every
    chunk = LessonChunk(
        first=entries[0].number,
        last=entries[-1].number,
        prior=prior,
        base=follows.base if follows is not None and shares else entries[0].number,
        from_ms=entries[0].at_ms,
        to_ms=entries[-1].at_ms,
        before=None if shares else _packed(before),
        lessons=_packed(json.dumps([[e.number, e.at_ms, e.document] for e in entries], separators=(",", ":"))),
    )
    return Made(chunk, *after(before, entries))


def after(before: str, entries: Sequence[Entry]) -> tuple[int, str]:
    """The version and the document of what is believed after these lessons. Raises `UnreadableBeliefs`."""
    beliefs = loaded(before)
    fold(beliefs, entries)
    return beliefs.version, dumped(beliefs)


def entries_of(chunk: LessonChunk) -> Sequence[Entry]:
    """Its lessons. Raises `UnreadableBeliefs`."""
    try:
        return [Entry(number, at_ms, document) for number, at_ms, document in json.loads(_unpacked(chunk.lessons))]
    except (ValueError, TypeError) as error:
        raise UnreadableBeliefs(f"not a chunk of lessons: {type(error).__name__}") from error


def state_before(chunk: LessonChunk) -> Beliefs | None:
    """What was believed before it; ``None`` when it is no base. Raises `UnreadableBeliefs`."""
    return None if chunk.before is None else loaded(_unpacked(chunk.before))


def learned(chunks: Sequence[LessonChunk], until: int | None = None) -> Beliefs | None:
    """What is believed after these chunks, of which the first is a base, or at a version in the last of them.

    ``None`` when that version is not reached. Raises `UnreadableBeliefs`.
    """
    beliefs = state_before(chunks[0]) if chunks else None
    if beliefs is None:
        return None
    for chunk in chunks:
        fold(beliefs, (entry for entry in entries_of(chunk) if until is None or entry.number <= until))
    return beliefs if until is None or beliefs.version == until else None


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode())


def _unpacked(packed: bytes) -> str:
    try:
        return zlib.decompress(packed).decode()
    except (zlib.error, ValueError) as error:
        raise UnreadableBeliefs(f"not packed by this program: {type(error).__name__}") from error
