"""The options that say which calls a report or an export is about."""

import argparse
import sys

from callrouter.ledger.periods import Period, period_of, zone_of


def period_asked(arguments: argparse.Namespace) -> Period | None:
    """The period of ``--from``, ``--to`` and ``--zone``; ``None`` when it cannot be read, which has been told."""
    try:
        try:
            zone_of(arguments.zone)
        except ValueError as error:
            raise ValueError(f"--zone: {error}") from None
        return period_of(arguments.since, arguments.until, arguments.zone)
    except ValueError as error:
        sys.stderr.write(f"callrouter {arguments.command}: {error}\n")
        return None
