"""``callrouter demo``: the main job, for real, against simulated partners."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from callrouter.commands.call_page import call_page
from callrouter.domain.clock import SystemClock
from callrouter.simulator.demo import DemoOptions, Played
from callrouter.simulator.demo import run as play
from callrouter.simulator.demo.service import DemoFailed

INTERRUPTED = 130
_TRY_IT = (
    "               hand somebody over: caller (512) 555-0190, zip 78701, your own phone (503) 555-0199;\n"
    "               every phone of this world is picked up, and letsmakealead buys everybody\n"
)


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Play it. Status 0 when all totals agree."""
    # What the simulation itself has to say is among the checks.
    logging.getLogger().addHandler(logging.NullHandler())
    options = DemoOptions(arguments.calls, arguments.rate, arguments.seed, arguments.keep, arguments.crashes)
    try:
        agrees = asyncio.run(
            play(options, SystemClock(), sys.stdout, lambda played: _where_to_look(played, keep=options.keep))
        )
    except DemoFailed as error:
        sys.stderr.write(f"callrouter demo: {error}\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("\ncallrouter demo: interrupted; everything is stopped\n")
        return INTERRUPTED
    sys.stdout.write("\nAll totals agree.\n" if agrees else "\nSomething does not agree: see MISMATCH above.\n")
    return 0 if agrees else 1


def _where_to_look(played: Played, *, keep: bool) -> str:
    parts = ["\n"]
    if played.told is not None and played.told.record is not None and not keep:
        page = "".join(f"  {line}".rstrip() + "\n" for line in call_page(played.told.record).splitlines())
        parts.append(f"One call in full, as `callrouter calls show` prints it\n{page}\n")
    if not keep:
        parts.append(
            "Where to look: `callrouter demo --keep` leaves all this up, "
            "with the console, metrics and the commands to look into it.\n"
        )
        return "".join(parts)
    sid = played.told.call.sid if played.told else "SID"
    own = own_command(sys.argv[0], sys.executable)
    command = f"CALLROUTER_DATA_DIR={played.data_dir} {own}"
    handed_over = played.handed_over
    transfer = f"  a transfer {command} calls show {handed_over}\n" if handed_over else ""
    parts.append(
        "Where to look\n"
        f"  console    {played.url}/console\n"
        f"             sign in as operations with {played.ops_token}\n"
        f"             or as an agent with {played.agent_token}\n"
        f"{_TRY_IT}"
        f"  API        {played.url}/docs\n"
        f"             curl -H 'Authorization: Bearer {played.ops_token}' {played.url}/api/v1/calls\n"
        f"  metrics    {played.url}/metrics\n"
        f"  readiness  {played.url}/readyz\n"
        f"  a call     {command} calls show {sid}\n"
        f"{transfer}"
        f"  all calls  {command} calls\n"
        f"  callbacks  {command} callbacks\n"
        f"  learned    {command} beliefs\n"
        f"  replay     {command} replay --what-if auction.max_wait_s=0.5\n"
        f"  explain    . {played.settings} && {own} explain --zip 78701\n"
        f"  log        {played.log}\n"
        "Ctrl-C ends it.\n"
    )
    return "".join(parts)


def own_command(started_as: str, python: str) -> str:
    """How this program was started, to be started again: by its script, or as a module of ``python``."""
    return started_as if Path(started_as).name == "callrouter" else f"{python} -m callrouter"
