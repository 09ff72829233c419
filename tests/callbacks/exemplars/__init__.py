"""The dialler's exemplars: a person and a plan, the request expected, the reply given, what becomes of the callback."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from callrouter.callbacks.dialler import DiallerRequest, Reply, build_add, build_cancel, parse_add, parse_cancel
from callrouter.dialplan import Callback
from tests.callbacks.people import PERSON, account

HOME = Path(__file__).parent


@dataclass(frozen=True)
class DiallerExemplar:
    """One file."""

    path: Path
    doc: dict[str, Any] = field(repr=False)

    @property
    def call(self) -> str:
        """``/lead/add`` or ``/lead/cancel``."""
        return str(self.doc["call"])

    @property
    def test(self) -> bool:
        """Whether the dialler is only to look at the fields."""
        return bool(self.doc.get("test", False))

    @property
    def fault(self) -> str | None:
        """How the dialler misbehaves, where it does not reply."""
        fault: str | None = self.doc["response"].get("fault")
        return fault

    @property
    def person(self) -> dict[str, Any]:
        """The payload of the callback."""
        return {**PERSON, **self.doc.get("person", {})}

    def account(self, origin: str = "https://dialler.example") -> Callback:
        """The plan's callback section."""
        return account(origin, **self.doc.get("account", {}))

    @property
    def reply(self) -> tuple[int, str]:
        """Status and body."""
        given = self.doc["response"]
        return given.get("status", 200), json.dumps(given["json"]) if "json" in given else given.get("text", "")

    def build(self) -> DiallerRequest:
        """The request."""
        if self.call == "/lead/cancel":
            return build_cancel(self.person, self.account())
        return build_add(self.person, self.account(), 600, test=self.test)

    def parse(self) -> Reply:
        """What the reply means."""
        parse = parse_cancel if self.call == "/lead/cancel" else parse_add
        return parse(*self.reply, self.build().body)


def exemplars() -> list[DiallerExemplar]:
    """Every file."""
    return [DiallerExemplar(path, json.loads(path.read_text())) for path in sorted(HOME.glob("*.json"))]
