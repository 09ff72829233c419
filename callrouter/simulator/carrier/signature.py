"""Signs requests as the carrier does: HMAC-SHA1 over the URL and the sorted form parameters."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit


def signed_url(url: str) -> str:
    """The URL as it enters the signature: no fragment, no user, and for https no port."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "https":
        host = host.partition(":")[0]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, ""))


def sign(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """The value of ``X-Twilio-Signature``. ``form`` is empty for a GET."""
    text = signed_url(url) + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()
