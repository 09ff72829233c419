"""The document and its page say what is served, all of it and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import schemathesis
from starlette.routing import Route

from callrouter.api.call_shapes import without_money
from callrouter.api.endpoint import Endpoint
from callrouter.settings import Role
from tests.api.service import Api
from tests.support.world import LEADS, World, in_world, offers, plan, refuses

METHODS = ("get", "put", "post", "delete")


async def described(api: Api) -> dict[str, Any]:
    """The served document."""
    async with api.session.get(f"{api.url}/openapi.json") as response:
        assert (response.status, response.content_type) == (200, "application/json")
        found: dict[str, Any] = await response.json()
        return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of each."""
    for path, methods in document["paths"].items():
        yield from ((path, method, operation) for method, operation in methods.items())


async def test_the_document_is_valid_openapi_3_1_and_public(api: Api) -> None:
    document = await described(api)
    assert document["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(document).validate()
    for name, schema in document["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}), name


async def test_every_reference_leads_somewhere(api: Api) -> None:
    document = await described(api)
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', str(document).replace("'", '"')))
    assert references == set(document["components"]["schemas"])


@in_world(plan())
async def test_each_route_of_the_application_is_described_and_the_other_way_round(world: World) -> None:
    routes = [route for route in world.app._router.routes if isinstance(route, Route)]
    served = {
        (route.path, method.lower()) for route in routes if isinstance(route, Endpoint) for method in route.actions
    }
    others = {route.path for route in routes if not isinstance(route, Endpoint) and route.path.startswith("/api/")}
    found = await _fetched(world, "/openapi.json")
    assert {(path, method) for path, method, _ in operations(found)} == served
    assert others == {"/api/{path:path}"}
    assert {path.split("/")[3] for path, _ in served} == {"transfers", "callers", "calls", "callbacks", "buyers"}
    assert set(METHODS) == {method for _, method in served}


async def test_each_operation_says_who_may_and_what_can_come_of_it(api: Api) -> None:
    for path, method, operation in operations(await described(api)):
        where = f"{method} {path}"
        answers = operation["responses"]
        assert operation["summary"], where
        assert {"401", "405", "503"} <= set(answers), where
        assert ("403" in answers) == (set(operation["x-roles"]) != set(Role)), where
        assert any(status.startswith("2") for status in answers), where
        in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), where
        assert all(p["schema"].get("pattern") for p in operation["parameters"] if p["in"] == "path"), where
        assert ("Idempotency-Key" in {p["name"] for p in operation["parameters"]}) == (method == "post"), where
        if "requestBody" in operation or method == "post":
            assert {"400", "408", "413", "422"} <= set(answers), where
        for status, answer in answers.items():
            media = set(answer.get("content", {}))
            assert media == ({"application/problem+json"} if status >= "4" else {"application/json"} - _empty(status))


def _empty(status: str) -> set[str]:
    return {"application/json"} if status == "204" else set()


async def test_every_key_that_integrators_send_is_in_the_document(api: Api) -> None:
    document = await described(api)
    schemas = document["components"]["schemas"]
    body = document["paths"]["/api/v1/callers/{phone}"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    caller = schemas[body["$ref"].rpartition("/")[2]]
    assert set(caller["properties"]) == {
        *("zip", "state", "first_name", "last_name", "email", "address", "city", "ip", "consent", "fields", "ttl_s"),
    }
    assert caller["additionalProperties"] is False
    calls = document["paths"]["/api/v1/calls"]["get"]["parameters"]
    assert [p["name"] for p in calls] == ["since", "until", "phone", "plan", "outcome", "limit", "cursor"]
    assert calls[4]["schema"]["enum"] == ["bridged", "unsold", "abandoned", "refused", "failed"]
    assert calls[5]["schema"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}


async def test_the_page_lists_each_operation_and_shape_and_loads_nothing(api: Api) -> None:
    document = await described(api)
    async with api.session.get(f"{api.url}/docs") as response:
        assert (response.status, response.content_type) == (200, "text/html")
        policy, page = response.headers["Content-Security-Policy"], await response.text()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for path, method, operation in operations(document):
        assert f'<section class="action" id="{operation["operationId"]}">' in page, f"{method} {path}"
        assert f"<code>{path}</code>" in page
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!#|/openapi\.json|data:,)', page) == []


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_nothing_secret_is_public(api: Api, path: str) -> None:
    async with api.session.get(api.url + path) as response:
        text = await response.text()
    assert "-token-" not in text
    assert "+1888555010" not in text


@in_world(plan(buyers=LEADS, unsold={"sell_lead": ["callconnectleads"]}))
async def test_records_are_as_the_document_says(world: World) -> None:
    world.lmal.answer = offers("25.00", "+18005550199")
    calls = [await world.call()]
    world.lmal.answer = refuses()
    world.contactability.answer = refuses()
    calls.append(await world.call(from_="+15125550166"))
    document = await _fetched(world, "/openapi.json")
    records = [await world.record(call) for call in calls]
    assert [record["outcome"] for record in records] == ["bridged", "unsold"]
    for record in records:
        assert _wrong(document, "CallShown", record) == []
        assert _wrong(document, "CallShown", without_money(record)) == []
        assert _wrong(document, "CallShown", {**record, "results": None}) != []


async def _fetched(world: World, path: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(world.served[0].url + path) as response:
        return await response.json()


def _wrong(document: dict[str, Any], name: str, value: Any) -> list[str]:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(value)]
