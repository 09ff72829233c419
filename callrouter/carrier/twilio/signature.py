"""Whether a request really comes from Twilio (``X-Twilio-Signature``). Pure.

Source: Twilio, "Webhooks security": the full URL as Twilio requested it, then each POST parameter's name and value,
names sorted case-sensitively, no delimiters; HMAC keyed with the auth token; base64. SharedKey signing names its
key and HMAC_SHA256 in ``X-Twilio-Webhooks-Signature-Settings`` (twilio-python 9.13). A differential test holds this
against the ``twilio`` package's validator.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

SIGNATURE_HEADER = "x-twilio-signature"
SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"

_HASHES = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_DEFAULT_PORTS = {"https": 443, "http": 80}


def signature_of(url: str, params: Sequence[tuple[str, str]], secret: str, algorithm: str = "HMAC_SHA1") -> str:
    """The signature of one request. Repeated names contribute each distinct value once, sorted."""
    text = url + "".join(name + value for name, value in sorted(set(params)))
    mac = hmac.new(secret.encode(), text.encode(), _HASHES[algorithm])
    return base64.b64encode(mac.digest()).decode()


def verified(
    url: str,
    params: Sequence[tuple[str, str]],
    signature: str,
    settings: str,
    auth_token: str,
    signing_keys: Mapping[str, str],
) -> bool:
    """Whether ``signature`` is right for this request, in constant time.

    ``url`` is built from the public URL, never from the request. It is tried with and without its port, because
    Twilio signs some URLs one way and some the other. ``settings`` is the value of `SETTINGS_HEADER`, or empty.
    """
    named = _settings(settings)
    algorithm = (named.get("algorithm") or "HMAC_SHA1").upper()
    secret = signing_keys.get(named["key"]) if "key" in named else auth_token
    if algorithm not in _HASHES or not secret or not signature:
        return False
    given = signature.encode("utf-8", "replace")
    right = [
        hmac.compare_digest(signature_of(form, params, secret, algorithm).encode(), given)
        for form in _with_and_without_port(url)
    ]
    return any(right)


def _settings(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(","))
    return {name.strip(): value.strip() for name, separator, value in pairs if separator and value.strip()}


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.port:
        bare = parts.netloc.rsplit(":", 1)[0]
        return url, urlunsplit(parts._replace(netloc=bare))
    netloc = f"{parts.netloc}:{_DEFAULT_PORTS.get(parts.scheme, 80)}"
    return url, urlunsplit(parts._replace(netloc=netloc))
