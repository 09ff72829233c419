"""Whether a request is Twilio's: our verifier against the `twilio` package's, case by case and at random."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from callrouter.carrier.twilio.signature import signature_of, verified

TOKEN = "12345"
URL = "https://example.com/myapp.php?foo=1&bar=2"
PARAMS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675310"),
    ("Digits", "1234"),
    ("From", "+14158675310"),
    ("To", "+18005551212"),
]


class MultiDict(dict[str, list[str]]):
    """What the package wants of repeated names."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def library(params: list[tuple[str, str]]) -> Any:
    found = MultiDict()
    for name, value in params:
        found.setdefault(name, []).append(value)
    return found


def ours(url: str, params: list[tuple[str, str]], signature: str, settings: str = "") -> bool:
    return verified(url, params, signature, settings, TOKEN, {"WK1": "shared-secret"})


def test_the_documented_vector_holds() -> None:
    assert signature_of(URL, PARAMS, TOKEN) == "L/OH5YylLD5NRKLltdqwSvS0BnU="
    assert ours(URL, PARAMS, "L/OH5YylLD5NRKLltdqwSvS0BnU=")


text = st.text(st.characters(codec="utf-8"), max_size=12)
urls = st.builds(
    lambda scheme, port, path, query: f"{scheme}://calls.example.com{port}/{path}{query}",
    st.sampled_from(["https", "http"]),
    st.sampled_from(["", ":443", ":80", ":8443"]),
    st.sampled_from(["twilio/voice", "twilio/hold/1/2", ""]),
    st.sampled_from(["", "?a=1", "?b=%2B1&a=", "?x=é"]),
)


@given(urls, st.lists(st.tuples(text, text), max_size=6), st.booleans(), text)
def test_both_agree_on_any_request(url: str, params: list[tuple[str, str]], right: bool, noise: str) -> None:
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(url, library(params)) if right else noise
    assert ours(url, params, signature) == validator.validate(url, library(params), signature)


@given(st.lists(st.tuples(text, text), max_size=6))
def test_both_agree_on_the_newer_signatures(params: list[tuple[str, str]]) -> None:
    """SharedKey signing: the header names its key and HMAC_SHA256."""
    signature = RequestValidator("shared-secret").compute_signature(URL, library(params), "HMAC_SHA256")
    assert ours(URL, params, signature, "key=WK1,algorithm=HMAC_SHA256")
    assert not ours(URL, params, signature, "key=WK2,algorithm=HMAC_SHA256"), "a key that we don't have"
    assert not ours(URL, params, signature), "the newer form is not taken for the older"
    assert not ours(URL, params, signature, "key=WK1,algorithm=HMAC_MD5")


def test_a_signature_with_and_without_the_port_is_right() -> None:
    for signed in ("https://example.com:443/v", "https://example.com/v"):
        for known in ("https://example.com:443/v", "https://example.com/v"):
            assert ours(known, PARAMS, signature_of(signed, PARAMS, TOKEN))


def test_blank_parameters_are_part_of_what_is_signed() -> None:
    blank = [*PARAMS, ("ToCity", "")]
    assert ours(URL, blank, signature_of(URL, blank, TOKEN))
    assert not ours(URL, PARAMS, signature_of(URL, blank, TOKEN))


def test_nothing_is_accepted_without_a_token() -> None:
    assert not verified(URL, PARAMS, signature_of(URL, PARAMS, ""), "", "", {})
    assert not ours(URL, PARAMS, "")
