"""What a webhook is answered with."""

from dataclasses import dataclass

from callrouter.carrier.seam import Command
from callrouter.dialplan import Plan


@dataclass(frozen=True)
class Answer:
    """What the carrier is told, and the plan whose words it uses.

    ``call`` is the call's id where that is not the id of the leg that hears it; the carrier is given it to bring back.
    """

    command: Command
    plan: Plan | None
    call: str = ""
