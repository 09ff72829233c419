"""The agent's screen: who is calling, the offer, and what is done with it."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from callrouter.api.callers import known_caller
from callrouter.console.console import Console
from callrouter.console.events import live
from callrouter.console.forms import Trouble, form_of
from callrouter.console.pages import AGENTS, Handler, fragment, guarded, is_htmx, redirect, render, security_headers
from callrouter.console.sessions import Session
from callrouter.console.transfer_forms import BROWSER, AgentKept, agent_kept, read_bridge, read_dialled, read_opening
from callrouter.console.transfer_view import SOON_S, clock_words, phone_words, view_of
from callrouter.domain.money import dollars
from callrouter.domain.phone import caller_number
from callrouter.engine.keys import AGENT_TTL_S
from callrouter.transfers.desk import Desk, Holder, Opening, TransferRefused
from callrouter.transfers.shown import TransferShown

SCREEN = "/console/transfer"
CLIENT_CHARS = 64
_WORDS: Mapping[str, Any] = {"clock": clock_words, "phone": phone_words, "money": dollars}


def routes(console: Console) -> list[Route]:
    """The form, the transfer, what is done with it, and the browser's phone."""
    screen = AgentScreen(console)

    def route(path: str, handler: Handler, method: str = "GET") -> Route:
        return Route(f"{SCREEN}{path}", guarded(console, AGENTS, told(handler)), methods=[method])

    actions = ("bridge", "next", "complete", "cancel", "dialled")
    return [
        route("", screen.form),
        route("", screen.open, "POST"),
        route("/known", screen.known, "POST"),
        route("/{id}", screen.transfer),
        route("/{id}/live", screen.live),
        *(route(f"/{{id}}/{action}", screen.doing(action), "POST") for action in actions),
        Route("/console/phone/token", guarded(console, AGENTS, screen.phone_token), methods=["POST"]),
    ]


def told(handler: Handler) -> Handler:
    """The handler, whose refused transfers are told in words."""

    async def handle(request: Request, session: Session) -> Response:
        try:
            return await handler(request, session)
        except TransferRefused as refusal:
            raise Trouble(HTTPStatus.CONFLICT, refusal.why, refusal.remedy) from None

    return handle


class AgentScreen:
    """The handlers; each reaches only what its session's holder may."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def form(self, request: Request, session: Session) -> Response:
        """Who is calling."""
        kept = await agent_kept(self._console.engine, session.name)
        return await self._form(request, session, {}, kept, {})

    async def known(self, request: Request, session: Session) -> Response:
        """What is known of the number in the form: a fragment. The number is not in the address, which is logged."""
        raw = form_of(request).get("phone", "")
        number = caller_number(raw)
        found = await known_caller(self._console.engine, number) if number else None
        return render(request, session, "agent_known.html", number=number, known=found, asked=len(raw) > 6)

    async def open(self, request: Request, session: Session) -> Response:
        """Ask the buyers, and go to the transfer."""
        received_at = self._console.clock.now()
        read = read_opening(form_of(request), self._console.plans, self._client(session))
        await self._keep(session, read.kept)
        if read.wrong or read.agent is None:
            return await self._form(request, session, form_of(request), read.kept, read.wrong)
        known = await known_caller(self._console.engine, read.caller.phone or "")
        caller = known.updated(**read.caller.model_dump(exclude={"fields"})) if known else read.caller
        opening = Opening(read.plan, caller, read.agent, read.caller_call_sid)
        shown = await self._desk().open(opening, _holder(session), received_at)
        return redirect(request, f"{SCREEN}/{shown.id}")

    async def transfer(self, request: Request, session: Session) -> Response:
        """One transfer, kept fresh."""
        shown = await self._desk().get(request.path_params["id"], _holder(session))
        kept = await agent_kept(self._console.engine, session.name)
        client = self._client(session) if kept.reach == BROWSER else None
        name = " ".join(part for part in (shown.caller.first_name, shown.caller.last_name) if part)
        return render(
            request,
            session,
            "agent_transfer.html",
            phone_page=client is not None,
            **live_values(shown),
            now=self._console.clock.now(),
            caller_name=name,
            client=client,
            own_phone=caller_number(kept.phone),
        )

    async def live(self, request: Request, session: Session) -> Response:
        """The stream of its fragments."""
        sid = request.path_params["id"]
        await self._desk().get(sid, _holder(session))

        async def now() -> str:
            return transfer_fragment(await self._desk().get(sid, _holder(session)), session)

        return live(self._console, request, session, now)

    def doing(self, action: str) -> Handler:
        """The handler of one button."""

        async def handle(request: Request, session: Session) -> Response:
            sid = request.path_params["id"]
            shown = await self._done(action, sid, form_of(request), _holder(session))
            if is_htmx(request):
                return HTMLResponse(transfer_fragment(shown, session), headers=security_headers())
            return redirect(request, f"{SCREEN}/{sid}")

        return handle

    async def phone_token(self, request: Request, session: Session) -> Response:
        """The access token of this agent's browser phone, as JSON for its script."""
        client = self._client(session)
        if client is None or self._console.phone_token is None:
            raise Trouble(HTTPStatus.NOT_FOUND, "browsers are no phones here", "have yourself called on your phone")
        token = self._console.phone_token(client)
        return JSONResponse({"token": token, "client": client}, headers=security_headers())

    async def _done(self, action: str, sid: str, form: Mapping[str, str], by: Holder) -> TransferShown:
        desk = self._desk()
        simple: Mapping[str, Callable[[str, Holder], Awaitable[TransferShown]]] = {
            "next": desk.following,
            "complete": desk.complete,
            "cancel": desk.cancel,
        }
        if action == "bridge":
            return await desk.bridge(sid, read_bridge(form), by)
        if action == "dialled":
            dialled = read_dialled(form)
            if dialled is None:
                raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "this talk time cannot be read", "write whole numbers")
            return await desk.dialled(sid, dialled, by)
        return await simple[action](sid, by)

    async def _form(
        self,
        request: Request,
        session: Session,
        typed: Mapping[str, str],
        kept: AgentKept,
        wrong: Mapping[str, str],
    ) -> Response:
        names = ("phone", "zip", "first_name", "last_name", "caller_call_sid")
        open_now = await self._desk().mine(_holder(session))
        return render(
            request,
            session,
            "agent.html",
            status=HTTPStatus.UNPROCESSABLE_ENTITY if wrong else HTTPStatus.OK,
            form={name: typed.get(name, "") for name in names},
            kept=kept,
            wrong=wrong,
            plans=sorted(self._console.plans),
            open=[(shown, view_of(shown)) for shown in open_now],
            now=self._console.clock.now(),
            client=self._client(session),
            **_WORDS,
        )

    async def _keep(self, session: Session, kept: AgentKept) -> None:
        engine = self._console.engine
        await engine.set(engine.keys.agent(session.name), kept.model_dump_json(), AGENT_TTL_S)

    def _client(self, session: Session) -> str | None:
        """The name of this agent's browser phone, where browsers can be phones."""
        return None if self._console.phone_token is None else client_name(session.name)

    def _desk(self) -> Desk:
        if self._console.desk is None:
            raise Trouble(HTTPStatus.NOT_FOUND, "there are no transfers here", "ask operations")
        return self._console.desk


def transfer_fragment(shown: TransferShown, session: Session) -> str:
    """The live part of the screen."""
    return fragment(session, "agent_live.html", **live_values(shown))


def live_values(shown: TransferShown) -> dict[str, Any]:
    """What the live part's template needs."""
    return {"shown": shown, "view": view_of(shown), "at": f"{SCREEN}/{shown.id}", "soon_s": SOON_S, **_WORDS}


def client_name(token: str) -> str:
    """The name of the browser phone of a token's holder: what carriers take as a name, never one for two tokens."""
    # A name longer than a carrier takes: only of many unusual letters, and then a digest stands for it.
    name = re.sub(r"[^0-9A-Za-z]", lambda found: f"_{ord(found.group()):02x}", token)
    return name if len(name) <= CLIENT_CHARS else f"__{hashlib.sha256(token.encode()).hexdigest()[:40]}"


def _holder(session: Session) -> Holder:
    return Holder(session.role.value, session.name)
