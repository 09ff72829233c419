"""Commands as TwiML documents. Pure: the same command and plan give the same bytes.

Every value goes through `escape` or `quoteattr`; a test holds each document against the documented verbs.
"""

from xml.sax.saxutils import escape, quoteattr

from callrouter.carrier.seam import (
    Apologise,
    AskPin,
    AskZip,
    BridgeTo,
    Command,
    EnterRoom,
    Farewell,
    HangUp,
    Hold,
)
from callrouter.carrier.twilio.urls import Urls
from callrouter.dialplan import Plan, Prompts

PUSH_LIMIT = 4_000
"""Characters that Twilio takes in a pushed document."""

REFUSAL = "Sorry, this number is not in service. Please check the number and call again. Goodbye."

ROOM_EVENTS = ("start", "end", "join", "leave", "hold")
"""What a room reports. The first leg that comes in decides it for all."""
PIN_DIGITS = 6
_MUSIC_ROUNDS = 15
"""How often the music is played before the carrier asks for it again."""

_PROLOG = '<?xml version="1.0" encoding="UTF-8"?>'


def render(command: Command, plan: Plan | None, urls: Urls) -> str:
    """The document that makes Twilio do ``command``. ``plan`` may be missing only for a refusal or a hang-up."""
    prompts = plan.prompts if plan else Prompts()
    match command:
        case AskZip():
            body = _ask_zip(command, plan, prompts, urls)
        case AskPin():
            body = _ask_pin(command, plan, prompts, urls)
        case Hold():
            body = _hold(command, prompts, urls)
        case EnterRoom():
            body = _enter_room(command, plan, urls)
        case BridgeTo():
            body = _bridge(command, urls)
        case Apologise():
            body = _say(_words(command.why, prompts), prompts) + "<Hangup/>"
        case HangUp():
            body = "<Hangup/>"
    return f"{_PROLOG}<Response>{body}</Response>"


def music(plan: Plan | None, urls: Urls) -> str:
    """What is heard in a room until it starts, and on hold: round and round, for silence sounds like a lost line."""
    own = plan.prompts.hold_audio if plan and plan.prompts.hold_audio != "tone" else None
    # A file of somebody else's may be missing: without a pause the carrier would come back at once, again and again.
    pause = '<Pause length="1"/>' if own else ""
    again = urls.music(plan.plan if plan else "")
    return (
        f'{_PROLOG}<Response><Play loop="{_MUSIC_ROUNDS}">{escape(own or urls.hold_audio)}</Play>{pause}'
        f'<Redirect method="POST">{escape(again)}</Redirect></Response>'
    )


def _ask_zip(command: AskZip, plan: Plan | None, prompts: Prompts, urls: Urls) -> str:
    timeout_s = plan.intake.timeout_s if plan else 5
    words = prompts.ask_zip if command.try_no <= 1 else prompts.ask_zip_again
    # actionOnEmptyResult: silence too comes back to us, so that the plan's attempts decide what follows.
    return (
        f'<Gather input="dtmf speech" numDigits="5" timeout="{timeout_s}" speechTimeout="auto" method="POST"'
        f' language={quoteattr(prompts.language)} actionOnEmptyResult="true"'
        f" action={quoteattr(urls.zip(command.try_no))}>{_say(words, prompts)}</Gather>"
    )


def _ask_pin(command: AskPin, plan: Plan | None, prompts: Prompts, urls: Urls) -> str:
    timeout_s = plan.intake.timeout_s if plan else 5
    return (
        f'<Gather input="dtmf" numDigits="{PIN_DIGITS}" finishOnKey="#" timeout="{timeout_s}" method="POST"'
        f' actionOnEmptyResult="true" action={quoteattr(urls.pin(command.try_no))}>'
        f"{_say(prompts.ask_pin, prompts)}</Gather>"
    )


def _hold(command: Hold, prompts: Prompts, urls: Urls) -> str:
    if command.short:
        sound = f"<Play>{escape(urls.short_hold_audio)}</Play>"
    elif command.segment == 0 and prompts.hold:
        sound = _say(prompts.hold, prompts)
    else:
        audio = urls.hold_audio if prompts.hold_audio == "tone" else prompts.hold_audio
        sound = f"<Play>{escape(audio)}</Play>"
    back = urls.hold(command.auction_no, command.segment + 1)
    return f'{sound}<Redirect method="POST">{escape(back)}</Redirect>'


def _bridge(command: BridgeTo, urls: Urls) -> str:
    return (
        f'<Dial action={quoteattr(urls.dial(command.attempt_no))} method="POST" answerOnBridge="true"'
        f' timeout="{command.ring_timeout_s}" callerId={quoteattr(command.caller_id)}>'
        f"<Number statusCallback={quoteattr(urls.leg(command.attempt_no))}"
        ' statusCallbackEvent="initiated ringing answered completed" statusCallbackMethod="POST">'
        f"{escape(command.number)}</Number></Dial>"
    )


def _enter_room(command: EnterRoom, plan: Plan | None, urls: Urls) -> str:
    starts = "true" if command.starts else "false"
    return (
        f'<Dial action={quoteattr(urls.out(command.label))} method="POST">'
        f'<Conference startConferenceOnEnter="{starts}" endConferenceOnExit="false" beep="false"'
        f' jitterBufferSize="small" participantLabel={quoteattr(command.label)}'
        f' waitUrl={quoteattr(urls.music(plan.plan if plan else ""))} waitMethod="POST"'
        f' statusCallback={quoteattr(urls.room)} statusCallbackEvent="{" ".join(ROOM_EVENTS)}"'
        f' statusCallbackMethod="POST">{escape(command.room)}</Conference></Dial>'
    )


def _say(words: str, prompts: Prompts) -> str:
    voice = f" voice={quoteattr(prompts.voice)}" if prompts.voice else ""
    return f"<Say language={quoteattr(prompts.language)}{voice}>{escape(words)}</Say>"


def _words(why: Farewell, prompts: Prompts) -> str:
    return {
        Farewell.UNSOLD_CALLBACK: prompts.unsold_callback,
        Farewell.UNSOLD: prompts.unsold,
        Farewell.FAILED_CALLBACK: prompts.failed_callback,
        Farewell.FAILED: prompts.failed,
        Farewell.REFUSED: REFUSAL,
    }[why]
