"""The token with which an agent's browser signs in as a phone. Pure: the time is passed in.

Made here because the ``twilio`` package's own maker reads the system's clock. The form is Twilio's access token
(twilio.com/docs/iam/access-tokens): a JWT signed with an API key's secret, with a grant for voice.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

MAX_TTL_S = 86_400
"""Twilio takes no token that lives longer."""
_HEADER = {"cty": "twilio-fpa;v=1", "typ": "JWT", "alg": "HS256"}


def browser_token(account_sid: str, key: str, secret: str, identity: str, ttl_s: int, now: float) -> str:
    """A token with which a browser can be called as ``client:<identity>``, and can call nobody.

    ``now`` is epoch seconds. Raises `ValueError` for an empty secret or identity, or a life that Twilio would refuse.
    """
    if not secret or not identity:
        raise ValueError("a browser's token needs a secret and an identity")
    if not 0 < ttl_s <= MAX_TTL_S:
        raise ValueError(f"a browser's token lives between 1 and {MAX_TTL_S} seconds")
    issued_at = int(now)
    payload = {
        "jti": f"{key}-{issued_at}",
        "iss": key,
        "sub": account_sid,
        "nbf": issued_at,
        "exp": issued_at + ttl_s,
        "grants": {"identity": identity, "voice": {"incoming": {"allow": True}}},
    }
    signed = f"{_part(_HEADER)}.{_part(payload)}"
    mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_text(mac)}"


def _part(value: Mapping[str, object]) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
