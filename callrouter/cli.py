"""The ``callrouter`` command: what can be said on its command line, and the exit status of what follows.

Exit status: 0 done, 1 the thing asked for failed, 2 bad usage or configuration, 130 interrupted.
Each command is a module of ``commands/`` with a ``run(arguments, environ)``, imported only when it is used.
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from callrouter import __version__
from callrouter.errors import CallrouterError, ConfigurationError

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = _parser().parse_args(arguments)
    try:
        command = importlib.import_module(f"callrouter.commands.{given.command}")
        return int(command.run(given, os.environ if environ is None else environ))
    except ConfigurationError as error:
        _tell_mistakes(error, as_json=getattr(given, "json", False))
        return 2
    except CallrouterError as error:
        sys.stderr.write(f"callrouter: {error}\n")
        return 1
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is left to tell, also not at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _tell_mistakes(error: ConfigurationError, *, as_json: bool) -> None:
    for mistake in error.mistakes:
        sys.stderr.write(f"{mistake}\n")
    if as_json:
        shown = [{"where": m.where, "key": m.key, "remedy": m.remedy} for m in error.mistakes]
        sys.stdout.write(json.dumps({"mistakes": shown}, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="callrouter", description="Decides who should take a waiting caller's call.")
    parser.add_argument("--version", action="version", version=f"callrouter {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _serve(commands.add_parser("serve", help="run the service"))
    _demo(commands.add_parser("demo", help="run the main job against a simulated carrier, buyers and dialler"))
    check = commands.add_parser("check", help="validate settings, dialplans and buyers, and show what is in effect")
    _json(check)
    _calls(commands.add_parser("calls", help="finished and live calls"))
    _callbacks(commands.add_parser("callbacks", help="the callbacks owed, and what became of them"))
    return parser


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for every one (127.0.0.1)")
    parser.add_argument("--port", type=_whole(1, 65_535), default=8080, help="port to listen on (8080)")
    parser.add_argument(
        "--workers", type=_whole(1, 64), default=1, metavar="N", help="instances, on consecutive ports from --port (1)"
    )


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=_whole(1, 400), default=44, metavar="N", help="how many people call (44)")
    parser.add_argument("--rate", type=_rate, default=2.0, metavar="R", help="callers a second (2)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed gives the same callers (1)")
    parser.add_argument("--keep", action="store_true", help="leave everything up until Ctrl-C")


def _calls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="TIME", help="not older than 30m, 1h, 2d, or an RFC 3339 time")
    parser.add_argument("--phone", metavar="NUMBER", help="of this caller")
    parser.add_argument("--plan", metavar="PLAN", help="of this dialplan")
    parser.add_argument("--outcome", choices=("bridged", "unsold", "abandoned", "refused", "failed"), help="ended so")
    parser.add_argument("--limit", type=_whole(1, 10_000), default=100, metavar="N", help="finished ones at most (100)")
    _json(parser)
    actions = parser.add_subparsers(dest="action", metavar="")
    show = actions.add_parser("show", help="the whole decision of one call")
    show.add_argument("sid", metavar="SID")
    _json(show, again=True)


def _callbacks(parser: argparse.ArgumentParser) -> None:
    states = ("pending", "delivered", "cancelled", "dead")
    parser.set_defaults(state=None, limit=100)
    _json(parser)
    actions = parser.add_subparsers(dest="action", metavar="")
    listed = actions.add_parser("list", help="all of them (the default)")
    listed.add_argument("--state", choices=states)
    listed.add_argument("--limit", type=_whole(1, 10_000), default=100, metavar="N", help="callbacks at most (100)")
    _json(listed, again=True)
    for name, says in (("retry", "deliver one now, a dead one too"), ("cancel", "take one back")):
        action = actions.add_parser(name, help=says)
        action.add_argument("id", metavar="ID")
        _json(action, again=True)


def _json(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """``again``: the command in front has the option too, and what it was given there stays."""
    default = argparse.SUPPRESS if again else False
    parser.add_argument("--json", action="store_true", default=default, help="print JSON")


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise argparse.ArgumentTypeError(f"write a whole number from {low} to {high}")
        return int(text)

    return read


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 100:
        raise argparse.ArgumentTypeError("write a number from 0.1 to 100")
    return rate
