"""A request that is sent again with its ``Idempotency-Key`` is not done again: it gets the answer that was given."""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from random import Random

from starlette.requests import Request
from starlette.responses import Response

from callrouter.api.problems import Problem, wrong_keys
from callrouter.engine.client import Engine
from callrouter.engine.keys import REPLY_TTL_S
from callrouter.errors import EngineUnavailable
from callrouter.settings import ApiToken

HEADER = "idempotency-key"
KEY_PATTERN = r"[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?"
"""1 to 128 printable ASCII characters."""
REPLAYED = "Idempotent-Replayed"
LOCK_MS = 60_000
"""How long a first request may be under way; one that died with its instance stands in nobody's way for longer."""
RETRY_AFTER_S = 2

log = logging.getLogger("callrouter.api")


class Replies:
    """Answers by token and key, kept in the engine for a day. Raises `EngineUnavailable`."""

    def __init__(self, engine: Engine, rng: Random) -> None:
        self._engine = engine
        self._rng = rng

    async def once(
        self, request: Request, holder: ApiToken, body: bytes, act: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What ``act`` answers, or what it answered to this request before.

        ``act`` never raises. Raises `Problem`: 409 while the first request is under way, 422 when the key was used for
        another request. An answer of our own failure (5xx) is not kept: the request may be sent again.
        """
        given = request.headers[HEADER].strip()
        if not re.fullmatch(KEY_PATTERN, given):
            raise wrong_keys([("Idempotency-Key", "write 1 to 128 printable ASCII characters")])
        # The role too: an agent's and an operator's token may have one name, and what they are shown differs.
        whose = f"{holder.role.value}\n{holder.name}\n{given}"
        key = self._engine.keys.reply(hashlib.sha256(whose.encode()).hexdigest())
        claim = json.dumps({"digest": _digest(request, body), "claim": f"{self._rng.getrandbits(64):016x}"})
        # Sending the script again after a broken connection does no harm: it knows its own claim.
        before = await self._engine.run("reply_claim", [key], [claim, LOCK_MS], again=True)
        if before is not None:
            return _replayed(json.loads(before), _digest(request, body))
        response = await act()
        await self._settle(key, claim, response)
        return response

    async def _settle(self, key: str, claim: str, response: Response) -> None:
        kept = "" if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else _kept(claim, response)
        try:
            await self._engine.run("reply_settle", [key], [claim, kept, REPLY_TTL_S * 1000], again=True)
        except EngineUnavailable:
            # It is done: the answer goes out. Only a repeat of it would now be done again.
            log.warning("an answer was not kept for repeats of its request")


def _digest(request: Request, body: bytes) -> str:
    asked = f"{request.method}\n{request.url.path}\n{request.url.query}\n".encode()
    return hashlib.sha256(asked + body).hexdigest()


def _kept(claim: str, response: Response) -> str:
    body = base64.b64encode(bytes(response.body)).decode()
    answered = {"status": response.status_code, "type": response.headers.get("content-type"), "body": body}
    return json.dumps({**json.loads(claim), **answered})


def _replayed(before: dict[str, str], digest: str) -> Response:
    if before["digest"] != digest:
        raise wrong_keys([("Idempotency-Key", "use another one: this was used for another request")])
    if "status" not in before:
        detail = "the first request with this Idempotency-Key is under way; repeat it shortly"
        raise Problem(HTTPStatus.CONFLICT, detail, headers={"Retry-After": str(RETRY_AFTER_S)})
    headers = {"Cache-Control": "no-store", REPLAYED: "true"}
    if before["type"]:
        headers["Content-Type"] = before["type"]
    return Response(base64.b64decode(before["body"]), status_code=int(before["status"]), headers=headers)
