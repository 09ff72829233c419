"""The ``callrouter`` command: what can be said on its command line, and the exit status of what follows.

Exit status: 0 done, 1 the thing asked for failed, 2 bad usage or configuration, 130 interrupted. ``serve`` drains
at the first SIGTERM or SIGINT and then ends with 0; at a second one it ends at once, as that signal's victim (143 or
130 in a shell).
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

_ABOUT_SERVE = (
    "The first SIGTERM or Ctrl-C lets live auctions finish and ends with status 0; a second one ends at once. "
    "Settings are environment variables; `callrouter check` shows them."
)
_ABOUT_PING = (
    "Prints the request, the reply and what it means, secrets masked. Only a request that commits nobody is sent; no "
    "engine is needed and no cap is used up. What is known of the caller besides can be given with --first-name, "
    "--last-name, --email, --address, --city and --ip. Status 0: the buyer made an offer, or said that it has none."
)
_ABOUT_CALLS = "Without COMMAND they are listed, newest first."
_ABOUT_RECONCILE = (
    "Rows and calls are matched by number and time; only what differs is listed, each with its likely cause, "
    "and the sums explain the gap to the cent. That something differs is no failure: the exit status is 0. What a map "
    "may say is in callrouter/reconciling/README.md; without --map plain English heads and UTC are expected."
)
_ABOUT_REPORT = (
    "Calls that started in the period, by default in the last seven days, today included. Near misses ended within "
    "10 s before the minimum duration; a buyer that hangs up there more often than chance explains is named. What "
    "each column means is in callrouter/ledger/README.md."
)
_ABOUT_EXPORT = (
    "Every row of the period, oldest first, with stable columns: callrouter/ledger/README.md describes them. Money is "
    "text with two decimals, times are UTC, callers' numbers are as the ledger has them. A file is written whole or "
    "not at all."
)
_ABOUT_REPLAY = (
    "Every recorded decision is made again with what was known and believed then, and must come out the same (status 1 "
    "if one does not). With --what-if the calls are decided under other settings as well: money, hold and abandonment "
    "as they were and as they would be, with an interval, and what cannot be known. Calls of the last seven days, "
    "today included, unless a period is given."
)
_ABOUT_EXPLAIN = (
    "Nobody is called, and nothing is sent, counted or changed. Who would be asked is judged as for a call that comes "
    "now; for another time, what only the moment itself can tell is named as not known. The rest is what calls have "
    "taught so far: `callrouter beliefs` shows it. How a real call was decided is in `callrouter calls show SID`."
)
_ABOUT_BELIEFS = (
    "Without COMMAND they are shown. From them each offer's worth is reckoned, and how long a better one is waited for."
)
_ABOUT_FORGIVE = (
    "How often its phone was picked up, and how long its talks lasted, is forgotten in every plan: it is valued like "
    "the average buyer until new calls say otherwise. For a buyer that has mended what was wrong: by itself that would "
    "be noticed only after hundreds of offers."
)
_ABOUT_CALLBACKS = "Without COMMAND they are listed."


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = _parser().parse_args(arguments)
    try:
        command = importlib.import_module(f"callrouter.commands.{given.command.replace('-', '_')}")
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
    _serve(_command(commands, "serve", "run the service", _ABOUT_SERVE))
    _demo(_command(commands, "demo", "run the main job against a simulated carrier, buyers and dialler"))
    _check(_command(commands, "check", "validate settings, dialplans and buyers, and show what is in effect"))
    _ping(_command(commands, "ping", "ask one buyer of a plan for one live offer", _ABOUT_PING))
    _explain(_command(commands, "explain", "who would be asked for a caller, and what would follow", _ABOUT_EXPLAIN))
    _beliefs(_command(commands, "beliefs", "what calls have taught of buyers and callers", _ABOUT_BELIEFS))
    _calls(_command(commands, "calls", "finished and live calls", _ABOUT_CALLS))
    _callbacks(_command(commands, "callbacks", "the callbacks owed, and what became of them", _ABOUT_CALLBACKS))
    _report(_command(commands, "report", "what the calls of a period came to", _ABOUT_REPORT))
    _export(_command(commands, "export", "calls, dials or answers as CSV or JSON", _ABOUT_EXPORT))
    _replay(_command(commands, "replay", "recorded calls decided again, or under other settings", _ABOUT_REPLAY))
    _reconcile(_command(commands, "reconcile", "a buyer's statement against the ledger", _ABOUT_RECONCILE))
    _new_buyer(_command(commands, "new-buyer", "write the folder of a new buyer's format, to be filled in"))
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, says: str, more: str = ""
) -> argparse.ArgumentParser:
    """A command whose own help says what the list of commands says, and more."""
    about = f"{says[0].upper()}{says[1:]}."
    return commands.add_parser(name, help=says, description=f"{about} {more}".strip())


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
    crashes = "kill -9 the service so often while calls run; the second time its engine too (0)"
    parser.add_argument("--crashes", type=_whole(0, 20), default=0, metavar="N", help=crashes)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="send each partner its documented test request as well")
    _json(parser)


def _ping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("buyer", metavar="BUYER", help="its name under the plan's `buyers`")
    parser.add_argument("--plan", metavar="PLAN", help="the dialplan; may be left out where there is only one")
    parser.add_argument("--zip", required=True, help="the caller's zip")
    parser.add_argument("--phone", metavar="NUMBER", help="the caller's number")
    parser.add_argument("--state", help="the caller's state; by itself that of the zip")
    parser.add_argument("--transfer-type", type=_whole(1, 2), default=1, metavar="N", help="1 inbound (1), 2 transfer")
    for name in ("first-name", "last-name", "email", "address", "city", "ip"):
        parser.add_argument(f"--{name}", metavar="TEXT", help=argparse.SUPPRESS)
    parser.add_argument("--consent", choices=("yes", "no"), help="whether they agreed to be called")
    parser.add_argument(
        "--field", action="append", default=[], type=_pair, metavar="NAME=VALUE", help="an extra under their own name"
    )
    parser.add_argument("--yes", action="store_true", help="send it without asking first")
    _json(parser)


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", metavar="PLAN", help="the dialplan; may be left out where there is only one")
    parser.add_argument("--zip", required=True, help="the caller's zip")
    parser.add_argument("--at", metavar="TIME", help="when they would call, such as 2026-11-21T02:25:00Z (now)")
    parser.add_argument("--phone", metavar="NUMBER", help="the caller's number: what was told of them counts then")
    _json(parser)


def _beliefs(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    actions = parser.add_subparsers(dest="action", metavar="COMMAND")
    show = _command(actions, "show", "tables of them (the default)")
    show.add_argument("buyer", nargs="?", metavar="BUYER", help="of this buyer only")
    _json(show, again=True)
    export = _command(actions, "export", "all of them, as one JSON document")
    export.add_argument("file", nargs="?", metavar="FILE", help="where to, in one go at the end (standard output)")
    forgive = _command(actions, "forgive", "forget what was learned of a buyer's phone and talks", _ABOUT_FORGIVE)
    forgive.add_argument("buyer", metavar="BUYER", help="its name, as `callrouter beliefs` lists it")
    _json(forgive, again=True)


def _new_buyer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="small letters, digits, dash and underscore")
    parser.add_argument("--folder", metavar="FOLDER", help="where to put its folder (CALLROUTER_BUYERS, or ./buyers)")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError("write NAME=VALUE")
    return name, value


def _calls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", metavar="TIME", help="not older than 30m, 1h, 2d, or an RFC 3339 time")
    parser.add_argument("--phone", metavar="NUMBER", help="calls of this number")
    parser.add_argument("--plan", metavar="PLAN", help="calls of this dialplan")
    outcomes = ("bridged", "unsold", "abandoned", "refused", "failed")
    parser.add_argument("--outcome", choices=outcomes, help="with this outcome")
    parser.add_argument("--limit", type=_whole(1, 10_000), default=100, metavar="N", help="finished ones at most (100)")
    _json(parser)
    actions = parser.add_subparsers(dest="action", metavar="COMMAND")
    show = _command(actions, "show", "the whole decision of one call")
    show.add_argument("sid", metavar="SID", help="the call's id, as `callrouter calls` lists it")
    _json(show, again=True)


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", choices=("buyer", "plan", "day", "hour"), default="buyer", help="a line each (buyer)")
    _which(parser, "the last seven days", buyer="only what this buyer did")
    form = parser.add_mutually_exclusive_group()
    _json(form)
    form.add_argument("--jsonl", action="store_true", help="print JSON lines, without the total")
    form.add_argument("--csv", action="store_true", help="print CSV")


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", choices=("calls", "dials", "answers"), metavar="WHAT", help="calls, dials, answers")
    _which(parser, "everything", buyer="of this buyer; of calls, those that it got")
    parser.add_argument("--format", choices=("csv", "json", "jsonl"), default="csv", help="how it is written (csv)")
    parser.add_argument("--output", metavar="FILE", help="where to, in one go at the end (standard output)")


def _which(parser: argparse.ArgumentParser, otherwise: str, buyer: str | None = None) -> None:
    """The period and plan that `commands.periods` reads, and the buyer where ``buyer`` says what it is for."""
    day = "YYYY-MM-DD, or an RFC 3339 time"
    parser.add_argument("--from", dest="since", metavar="DAY", help=f"the first day, {day} ({otherwise})")
    parser.add_argument(
        "--to", dest="until", metavar="DAY", help="the last day, which is in it; or a time, which is not"
    )
    parser.add_argument("--zone", default="UTC", metavar="ZONE", help="whose days: an IANA time zone (UTC)")
    parser.add_argument("--plan", metavar="PLAN", help="calls of this dialplan")
    if buyer is not None:
        parser.add_argument("--buyer", metavar="BUYER", help=buyer)


def _replay(parser: argparse.ArgumentParser) -> None:
    _which(parser, "the last seven days")
    changed = "such as auction.max_wait_s=2 policy=highest_payout floor=12 buyers.acme.enabled=false"
    parser.add_argument(
        "--what-if", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help=f"other settings, {changed}"
    )
    parser.add_argument("--by", choices=("plan", "buyer"), default="plan", help="a line each (plan)")
    _json(parser)


def _reconcile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("statement", metavar="STATEMENT", help="the buyer's file: CSV, with a line of heads")
    parser.add_argument("--buyer", metavar="BUYER", required=True, help="whose it is: its name under a plan's `buyers`")
    parser.add_argument("--map", metavar="MAP", help="YAML that says how to read it")
    period = "a day by the map's time zone, or an RFC 3339 time"
    parser.add_argument("--from", dest="since", metavar="TIME", help=f"not before {period} (the statement's first day)")
    parser.add_argument("--to", dest="until", metavar="TIME", help=f"up to {period} (the statement's last day)")
    parser.add_argument("--all", action="store_true", help="list every difference (the 200 that move most money)")
    parser.add_argument(
        "--full-numbers", action="store_true", help="show callers' whole numbers (the last four digits)"
    )
    form = parser.add_mutually_exclusive_group()
    _json(form)
    form.add_argument("--csv", action="store_true", help="print the differences as CSV")


def _callbacks(parser: argparse.ArgumentParser) -> None:
    _listing(parser)
    actions = parser.add_subparsers(dest="action", metavar="COMMAND")
    _listing(_command(actions, "list", "list them (the default)"), again=True)
    for name, says in (("retry", "deliver one now, a dead one too"), ("cancel", "take one back")):
        action = _command(actions, name, says)
        action.add_argument("id", metavar="ID", help="the callback's id, as `callrouter callbacks` lists it")
        _json(action, again=True)


def _listing(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Which callbacks, and how many; ``again`` as for `_json`."""
    states = ("pending", "delivered", "ended", "cancelled", "dead")
    no_state, most = (argparse.SUPPRESS, argparse.SUPPRESS) if again else (None, 100)
    parser.add_argument("--state", choices=states, default=no_state, help="those in this state")
    parser.add_argument("--limit", type=_whole(1, 10_000), default=most, metavar="N", help="callbacks at most (100)")
    _json(parser, again=again)


def _json(parser: argparse._ActionsContainer, *, again: bool = False) -> None:
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
