"""``callrouter beliefs``: what was learned of buyers and callers, shown, exported, and forgiven."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping

from callrouter.beliefs.beliefs import Beliefs
from callrouter.beliefs.document import dumped
from callrouter.beliefs.lessons import Forgiven
from callrouter.beliefs.summary import patience_of, summary_of, verticals_of
from callrouter.commands.attach import attached_engine
from callrouter.commands.beliefs_page import Believed, as_json, page
from callrouter.commands.believing import beliefs_now
from callrouter.commands.whole_file import whole_file
from callrouter.domain.clock import SystemClock
from callrouter.errors import NotFound
from callrouter.learning.log import LessonLog

_FORGIVEN = (
    "How often its phone was picked up, and how long its talks lasted, is forgotten: its offers are\n"
    "valued like the average buyer's until new calls say otherwise. How fast it replies is kept.\n"
)


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Show, export or forgive. Raises `CallrouterError`."""
    if arguments.action == "export":
        return asyncio.run(_export(arguments.file, environ))
    if arguments.action == "forgive":
        return asyncio.run(_forgive(arguments.buyer, environ, as_json=arguments.json))
    return asyncio.run(_show(getattr(arguments, "buyer", None), environ, json_wanted=arguments.json))


async def _show(buyer: str | None, environ: Mapping[str, str], *, json_wanted: bool) -> int:
    async with attached_engine(environ) as engine:
        beliefs = await beliefs_now(engine)
    if buyer is not None and buyer not in beliefs.buyers:
        raise _unknown(buyer, beliefs)
    found = believed(beliefs, SystemClock().now(), buyer)
    sys.stdout.write(json.dumps(as_json(found), indent=2) + "\n" if json_wanted else page(found))
    return 0


async def _export(file: str | None, environ: Mapping[str, str]) -> int:
    async with attached_engine(environ) as engine:
        text = dumped(await beliefs_now(engine)) + "\n"
    if file is None:
        sys.stdout.write(text)
        return 0
    with whole_file(file, "FILE") as out:
        out.write(text)
    return 0


async def _forgive(buyer: str, environ: Mapping[str, str], *, as_json: bool) -> int:
    async with attached_engine(environ) as engine:
        beliefs = await beliefs_now(engine)
        if buyer not in beliefs.buyers:
            raise _unknown(buyer, beliefs)
        version = await LessonLog(engine).add([Forgiven(buyer)])
    if as_json:
        sys.stdout.write(json.dumps({"buyer": buyer, "forgiven": True, "version": version}, indent=2) + "\n")
    else:
        sys.stdout.write(f"{buyer} is forgiven, in every plan.\n{_FORGIVEN}")
    return 0


def believed(beliefs: Beliefs, now: float, buyer: str | None = None) -> Believed:
    """What is shown at ``now`` (epoch s): of everybody, or of one buyer. Pure."""
    names = sorted(beliefs.buyers) if buyer is None else [buyer]
    return Believed(
        version=beliefs.version,
        learned_at=beliefs.learned_at if beliefs.version else None,
        answers_of_all=beliefs.answers_of_all(),
        buyers=tuple(summary_of(beliefs, name, now) for name in names),
        patience=tuple(patience_of(beliefs, vertical) for vertical in verticals_of(beliefs)),
    )


def _unknown(buyer: str, beliefs: Beliefs) -> NotFound:
    names = ", ".join(sorted(beliefs.buyers))
    return NotFound(f"nothing was learned of {buyer}; of these it was: {names}" if names else "nothing was learned yet")
