"""What a browser sends: forms of bounded size, read in bounded time, and whether they come from our own pages."""

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request

from callrouter.request_body import BodyTooLarge, whole_body

MAX_BYTES = 64 * 1024
MAX_FIELDS = 100
READ_TIMEOUT_S = 10.0


class Trouble(Exception):
    """Ends as a page or a fragment that says in words what is wrong and what to do."""

    def __init__(
        self, status: HTTPStatus, why: str, remedy: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status.phrase)
        self.status = status
        self.why = why
        self.remedy = remedy
        self.headers = headers or {}


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form, the last of each name, without blanks around. Raises `Trouble`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded"):
        raise Trouble(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "this is not a form", "send it from the page")
    raw = await _body(request)
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise Trouble(HTTPStatus.BAD_REQUEST, "the form cannot be read", "send it again from the page") from None
    return {name: value.strip() for name, value in pairs}


def form_of(request: Request) -> Mapping[str, str]:
    """The form that `guarded` has read; empty for a GET."""
    fields: Mapping[str, str] = getattr(request.state, "form", {})
    return fields


def from_elsewhere(request: Request, public_url: str) -> bool:
    """Whether another site's page made the browser send this. Clients that are no browsers say neither."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False
    ours = {urlsplit(public_url).netloc.lower(), request.headers.get("host", "").lower()}
    try:
        return urlsplit(origin).netloc.lower() not in ours - {""}
    except ValueError:
        return True


async def _body(request: Request) -> bytes:
    try:
        return await whole_body(request, MAX_BYTES, READ_TIMEOUT_S)
    except BodyTooLarge:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        raise Trouble(status, "the form is too large", headers={"Connection": "close"}) from None
    except (TimeoutError, ClientDisconnect):
        raise Trouble(HTTPStatus.REQUEST_TIMEOUT, "the form did not arrive", "send it again") from None
