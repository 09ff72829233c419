"""Log lines: one form each for machines and people, nothing personal and no secret in any."""

import asyncio
import io
import json
import logging

import pytest

from callrouter import logs

SECRET = "very-secret-token"
SID = "CA" + "0123456789" * 3 + "ab"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


pytestmark = [pytest.mark.usefixtures("logging_as_before"), pytest.mark.leaks_on_purpose]


def line(message: str = "buyer unhealthy", *args: object, **extra: object) -> dict[str, object]:
    stream = io.StringIO()
    logs.configure_logging(stream, secrets=[SECRET])
    logging.getLogger("callrouter.auction").warning(message, *args, extra=extra)
    (text,) = stream.getvalue().splitlines()
    read = json.loads(text)
    assert isinstance(read, dict)
    return read


def test_a_line_is_one_json_object_with_the_fields_as_given() -> None:
    read = line(buyer="acme", elapsed_s=1.25, offers=3, sold=True, mistakes=["a", "b"], nothing=None)
    assert str(read.pop("time")).endswith("Z")
    assert read == {
        "level": "warning",
        "logger": "callrouter.auction",
        "message": "buyer unhealthy",
        "buyer": "acme",
        "elapsed_s": 1.25,
        "offers": 3,
        "sold": True,
        "mistakes": ["a", "b"],
        "nothing": None,
    }


def test_a_line_on_a_terminal_is_short() -> None:
    stream = Terminal()
    logs.configure_logging(stream)
    logging.getLogger("callrouter.auction").info("offer taken", extra={"buyer": "acme"})
    assert stream.getvalue()[8:] == " info auction: offer taken buyer=acme\n"


async def test_every_line_carries_the_id_of_the_call_that_its_task_works_for() -> None:
    stream = io.StringIO()
    logs.configure_logging(stream)

    async def work(sid: str) -> None:
        logs.call_id.set(sid)
        await asyncio.sleep(0)
        logging.getLogger("callrouter.calls").info("working", extra={"of": sid})

    await asyncio.gather(work("CA1"), work("CA2"))
    logging.getLogger("callrouter.calls").info("between")
    read = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [(one.get("call_id"), one.get("of")) for one in read] == [("CA1", "CA1"), ("CA2", "CA2"), (None, None)]


@pytest.mark.parametrize(
    "text",
    [
        *("+18185550123", "8185550123", "18185550123", "(818) 555-0123", "818-555-0123", "818.555.0123"),
        *("+1 818 555 0123", "%2B18185550123", "tel:+18185550123", "/api/v1/callers/818-555-0123", "from_8185550123"),
        *("+442071838750", "1-818-555-0123"),
    ],
)
def test_a_telephone_number_is_masked_wherever_it_stands(text: str) -> None:
    read = line(f"call of {text}!", phone=text, nested={f"key {text}": [text]})
    assert "***" in str(read["message"])
    for part in ("0123", "8750"):
        assert part not in json.dumps({key: value for key, value in read.items() if key != "time"})


def test_a_number_given_as_an_argument_or_an_integer_is_masked_too() -> None:
    read = line("call of %s and %d", "+18185550123", 8185550123, phone=8185550123)
    assert read["message"] == "call of *** and ***"
    assert read["phone"] == "***"


@pytest.mark.parametrize(
    "text",
    [SID, "2026-11-21T02:25:00.123Z", "90210", "1250.00", "192.168.100.200", "0.123456789012"],
)
def test_what_is_no_telephone_number_stays(text: str) -> None:
    read = line(f"saw {text} there", value=text)
    assert (read["message"], read["value"]) == (f"saw {text} there", text)


def test_a_configured_secret_is_masked_and_a_later_one_too() -> None:
    stream = io.StringIO()
    redaction = logs.configure_logging(stream, secrets=[SECRET, "", "abc"])
    redaction.hide(["another-secret"])
    logging.getLogger("callrouter.x").info("abc %s", f"key={SECRET}&x=another-secret", extra={"u": SECRET.encode()})
    assert json.loads(stream.getvalue())["message"] == "abc key=***&x=***"
    assert SECRET not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_an_exception_is_logged_with_its_traceback_but_masked(stream: io.StringIO) -> None:
    logs.configure_logging(stream, secrets=[SECRET])
    try:
        raise ValueError(f"no {SECRET} for +18185550123")
    except ValueError:
        logging.getLogger("callrouter.x").exception("it failed")
    text = stream.getvalue()
    assert "ValueError: no *** for ***" in text
    assert "test_logs.py" in text


def test_a_message_whose_arguments_do_not_fit_is_still_a_line() -> None:
    assert line("%d calls", "many")["message"] == "%d calls"


def test_the_servers_access_log_is_off_and_its_errors_are_on() -> None:
    stream = io.StringIO()
    logs.configure_logging(stream)
    logging.getLogger("uvicorn.access").info("GET /api/v1/callers/8185550123")
    logging.getLogger("uvicorn.error").info("Uvicorn running (Press CTRL+C to quit)")
    logging.getLogger("uvicorn.error").error("broken", extra={"color_message": "\x1b[1mbroken\x1b[0m"})
    (read,) = map(json.loads, stream.getvalue().splitlines())
    assert read["message"] == "broken"
    assert "color_message" not in read


def test_the_level_is_heeded() -> None:
    stream = io.StringIO()
    logs.configure_logging(stream, "WARNING")
    logging.getLogger("callrouter.x").info("not this")
    assert stream.getvalue() == ""
