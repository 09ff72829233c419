"""What a webhook is answered with."""

from dataclasses import dataclass

from callrouter.carrier.seam import Command
from callrouter.dialplan import Plan


@dataclass(frozen=True)
class Answer:
    """What the carrier is told, and the plan whose words it uses."""

    command: Command
    plan: Plan | None
