"""What each role may ask of each path: a path that is new must be put into this table."""

import random
from typing import Any

import pytest

from callrouter.api.routes import ApiDeps, endpoints
from callrouter.domain.clock import SystemClock
from callrouter.engine.client import Engine
from callrouter.settings import Role
from tests.api.desk import ScriptedDesk
from tests.api.service import TOKENS, Api

CALLERS, CALLS, CALLBACKS = "/api/v1/callers/{phone}", "/api/v1/calls", "/api/v1/callbacks"
TRANSFERS, ONE = "/api/v1/transfers", "/api/v1/transfers/{id}"
BUYERS, BUYER = "/api/v1/buyers", "/api/v1/buyers/{plan}/{buyer}"
EVERYBODY = {
    *((CALLERS, "PUT"), (CALLERS, "GET"), (CALLERS, "DELETE"), (f"{CALLS}/{{sid}}", "GET")),
    *((TRANSFERS, "GET"), (TRANSFERS, "POST"), (ONE, "GET"), (ONE, "DELETE")),
    *((f"{ONE}/{act}", "POST") for act in ("bridge", "complete", "next", "dialled")),
}
OPERATORS = {
    *((CALLS, "GET"), (CALLBACKS, "GET"), (f"{CALLBACKS}/{{id}}", "DELETE"), (f"{CALLBACKS}/{{id}}/retry", "POST")),
    *((BUYERS, "GET"), (BUYER, "GET"), *((f"{BUYER}/{act}", "POST") for act in ("off", "on", "forgive"))),
}
FILLED = {"phone": "8185550123", "sid": "CA1", "id": "x", "plan": "auto", "buyer": "acme"}


def every_action(engine: Engine) -> dict[tuple[str, str], frozenset[Role]]:
    """Path and method of everything that the API does, and the roles that may."""
    nothing: Any = ScriptedDesk()
    found = endpoints(
        ApiDeps(
            tokens=TOKENS,
            engine=engine,
            clock=SystemClock(),
            rng=random.Random(1),
            calls=nothing,
            callbacks=nothing,
            transfers=nothing,
            own_numbers=(),
            shows_payout=lambda plan, role: True,
            buyers=nothing,
        )
    )
    return {(route.path, method): action.roles for route in found for method, action in route.actions.items()}


async def test_each_role_may_do_what_the_table_says_and_nothing_else(engine: Engine) -> None:
    everybody = dict.fromkeys(EVERYBODY, frozenset(Role))
    operators = dict.fromkeys(OPERATORS, frozenset({Role.OPS, Role.SYSTEM}))
    assert every_action(engine) == everybody | operators


@pytest.mark.parametrize("role", ["agent", "ops", "system"])
async def test_who_may_not_is_told_so_before_anything_is_read(api: Api, engine: Engine, role: str) -> None:
    for (path, method), roles in every_action(engine).items():
        if path.startswith(BUYERS):
            continue  # not served here
        status, _, _ = await api.ask(method, path.format(**FILLED), role=role, data=b"{")
        assert (status == 403) is (Role(role) not in roles), (path, method)
