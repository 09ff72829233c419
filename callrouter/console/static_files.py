"""The console's style sheets and scripts, at addresses that change with their content."""

from functools import cache
from http import HTTPStatus
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from callrouter.console.pages import HOME, asset_url, security_headers

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def routes() -> list[Route]:
    """One route; no file outside of ``static/`` has an address."""
    return [Route(f"{HOME}/static/{{digest}}/{{name}}", _static)]


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    kind = KINDS.get(name.rpartition(".")[2])
    if name not in _names() or kind is None or request.url.path != asset_url(name):
        return Response(status_code=HTTPStatus.NOT_FOUND, headers=security_headers())
    headers = {**security_headers(), "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_content(name), media_type=f"{kind}; charset=utf-8", headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in (resources.files("callrouter.console") / "static").iterdir())


@cache
def _content(name: str) -> bytes:
    return (resources.files("callrouter.console") / "static" / name).read_bytes()
