"""The token of an agent's browser, read and verified by others' libraries."""

import jwt
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from callrouter.carrier.twilio.browser import MAX_TTL_S, browser_token

ACCOUNT = "AC" + "0a" * 16
KEY = "SK" + "0b" * 16
SECRET = "the-secret-of-an-api-key-in-tests"
NOW = 1_795_200_000.7


def decoded(token: str, secret: str = SECRET) -> dict[str, object]:
    payload: dict[str, object] = jwt.decode(
        token, secret, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False}
    )
    return payload


def test_a_browsers_token_lets_it_be_called_and_nothing_else() -> None:
    token = browser_token(ACCOUNT, KEY, SECRET, "anna", 3600, NOW)
    assert decoded(token) == {
        "jti": f"{KEY}-1795200000",
        "iss": KEY,
        "sub": ACCOUNT,
        "nbf": 1_795_200_000,
        "exp": 1_795_203_600,
        "grants": {"identity": "anna", "voice": {"incoming": {"allow": True}}},
    }
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT", "cty": "twilio-fpa;v=1"}


def test_it_says_what_the_package_would_say() -> None:
    token = AccessToken(ACCOUNT, KEY, SECRET, [VoiceGrant(incoming_allow=True)], "anna", nbf=1_795_200_000, ttl=3600)
    theirs, ours = token.to_jwt(), browser_token(ACCOUNT, KEY, SECRET, "anna", 3600, NOW)
    by_clock = {"jti", "exp"}
    kept = [{name: said for name, said in decoded(one).items() if name not in by_clock} for one in (theirs, ours)]
    assert kept[0] == kept[1]
    assert jwt.get_unverified_header(theirs) == jwt.get_unverified_header(ours)


def test_another_secret_does_not_verify_it() -> None:
    with pytest.raises(jwt.InvalidSignatureError):
        decoded(browser_token(ACCOUNT, KEY, SECRET, "anna", 3600, NOW), "the-secret-of-another-key-of-32-bytes")


@pytest.mark.parametrize(
    ("secret", "identity", "ttl_s"),
    [("", "anna", 60), (SECRET, "", 60), (SECRET, "anna", 0), (SECRET, "a", MAX_TTL_S + 1)],
)
def test_a_token_that_twilio_would_refuse_is_not_made(secret: str, identity: str, ttl_s: int) -> None:
    with pytest.raises(ValueError, match="browser's token"):
        browser_token(ACCOUNT, KEY, secret, identity, ttl_s, NOW)
