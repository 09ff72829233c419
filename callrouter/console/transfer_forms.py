"""What the agent typed, read and checked: every mistake at once, each beside its field."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from callrouter.domain.caller import Caller
from callrouter.domain.phone import caller_number
from callrouter.engine.client import Engine
from callrouter.places import zips
from callrouter.transfers.shown import AgentWanted, BridgeWanted, DialledWanted

BROWSER = "browser"
NAME_CHARS = 80


class AgentKept(BaseModel):
    """What an agent told of herself last time."""

    model_config = ConfigDict(frozen=True)

    name: str = ""
    phone: str = ""
    reach: str = "phone"
    """``phone`` or ``browser``."""
    plan: str = ""


@dataclass(frozen=True)
class OpeningForm:
    """The form, read: ``wrong`` has a remedy for each field that is not right, and then nothing else counts."""

    plan: str
    caller: Caller
    agent: AgentWanted | None
    caller_call_sid: str | None
    kept: AgentKept
    wrong: Mapping[str, str]


def read_opening(form: Mapping[str, str], plans: Mapping[str, object], client: str | None) -> OpeningForm:
    """``client`` is the name of the agent's browser phone, where there can be one."""
    wrong: dict[str, str] = {}
    phone = caller_number(form.get("phone"))
    if phone is None:
        wrong["phone"] = "Write the caller's North American number, with its area code."
    place = form.get("zip", "")
    if place and (len(place) != 5 or not place.isascii() or not place.isdigit() or zips.lookup(place) is None):
        wrong["zip"] = "Write the five digits of a zip code, or leave it empty."
    plan = form.get("plan", "")
    if plan not in plans:
        wrong["plan"] = "Choose a plan."
    kept = AgentKept(
        name=form.get("agent_name", "")[:NAME_CHARS],
        phone=form.get("agent_phone", "")[:40],
        reach=BROWSER if form.get("reach") == BROWSER and client else "phone",
        plan=plan,
    )
    own = caller_number(kept.phone) if kept.phone else None
    if not kept.name:
        wrong["agent_name"] = "Write your name."
    if kept.phone and own is None:
        wrong["agent_phone"] = "Write a North American number, or leave it empty."
    sid = form.get("caller_call_sid", "") or None
    try:
        BridgeWanted(caller_call_sid=sid)
    except ValidationError:
        wrong["caller_call_sid"] = "Write CA and 32 hexadecimal digits, or leave it empty."
    caller = Caller(
        phone=phone,
        zip=place or None,
        first_name=form.get("first_name", "")[:NAME_CHARS] or None,
        last_name=form.get("last_name", "")[:NAME_CHARS] or None,
    )
    by_browser = kept.reach == BROWSER
    agent = AgentWanted(name=kept.name, phone=None if by_browser else own, client=client) if not wrong else None
    if agent is not None and not by_browser:
        agent = agent.model_copy(update={"client": None})
    return OpeningForm(plan, caller, agent, sid, kept, wrong)


def read_bridge(form: Mapping[str, str]) -> BridgeWanted:
    """How the caller comes into the room; anything unknown counts as left out."""
    way = form.get("caller")
    return BridgeWanted(caller="call" if way == "call" else "merged" if way == "merged" else None)


def read_dialled(form: Mapping[str, str]) -> DialledWanted | None:
    """What came of the agent's own dial; ``None`` when the form cannot be read."""
    minutes, seconds = form.get("talk_min", "") or "0", form.get("talk_sec", "") or "0"
    result = form.get("result") or None
    try:
        talk_s = int(minutes) * 60 + int(seconds) if result == "bridged" else None
        return DialledWanted.model_validate({"result": result, "talk_s": talk_s})
    except ValueError:
        return None


async def agent_kept(engine: Engine, token: str) -> AgentKept:
    """What the agent with the token of this name told of herself. Raises `EngineUnavailable`."""
    stored = await engine.get(engine.keys.agent(token))
    try:
        return AgentKept.model_validate_json(stored) if stored else AgentKept()
    except ValidationError:
        return AgentKept()
