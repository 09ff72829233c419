"""Settings: one frozen value, read once from the environment, every mistake at once."""

import difflib
import importlib.util
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from callrouter.errors import ConfigurationError, Mistake

ENVIRONMENT = "environment"
PREFIX = "CALLROUTER_"
TWILIO_API_URL = "https://api.twilio.com"
MIN_TOKEN_LENGTH = 16
MIN_NUMBER_KEY_LENGTH = 32
MASK = "***"

_TWILIO_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")
_API_KEY = re.compile(r"SK[0-9a-fA-F]{32}")
_OTHER_ACCOUNT = re.compile(r"[0-9A-Za-z-]{1,64}")
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_DATABASE_DRIVERS = {
    "postgresql": "asyncpg",
    "postgresql+asyncpg": "asyncpg",
    "sqlite": "aiosqlite",
    "sqlite+aiosqlite": "aiosqlite",
}
"""The package that speaks to each kind of database; PostgreSQL's comes with the extra ``postgres``."""
NEAR = 0.8
"""How alike two names must be for one to be a slip of the pen for the other."""


class Role(StrEnum):
    """What the holder of an API token may do."""

    AGENT = "agent"
    OPS = "ops"
    SYSTEM = "system"


class ApiToken(BaseModel):
    """One bearer token. ``name`` says whose it is, in records; the token itself is never shown."""

    model_config = ConfigDict(frozen=True)

    role: Role
    name: str
    token: SecretStr


class Settings(BaseModel):
    """What the environment says. Made by `read_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_url: str = ""
    """Base URL under which the carrier reaches us, without a trailing slash; empty when not serving."""
    redis_url: str | None = Field(default=None, repr=False)
    """The shared engine; ``None`` means the embedded one. It may hold a password."""
    data_dir: Path = Path("var")
    database_url: str | None = Field(default=None, repr=False)
    """The ledger; ``None`` means SQLite in the data folder. It may hold a password."""
    number_key: SecretStr = SecretStr("")
    """By which numbers are hashed after their plan's retention; empty means a key of our own in the data folder."""
    dialplans: Path = Path("dialplans")
    buyers: Path = Path("buyers")
    """Formats of further buyers, beside those that ship; the folder need not be there."""
    api_tokens: tuple[ApiToken, ...] = ()
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_api_url: str = TWILIO_API_URL
    twilio_signing_keys: Mapping[str, SecretStr] = {}
    """Secrets by key for the newer HMAC-SHA256 signatures."""
    twilio_api_key: str = ""
    """With its secret it lets agents' browsers be phones; empty means that they cannot."""
    twilio_api_secret: SecretStr = SecretStr("")
    given: frozenset[str] = Field(default=frozenset(), repr=False)
    """Names of the variables that were set."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, for the log's filter."""
        urls = (self.redis_url, self.database_url)
        held = (
            self.twilio_auth_token,
            self.twilio_api_secret,
            self.number_key,
            *self.twilio_signing_keys.values(),
            *(token.token for token in self.api_tokens),
        )
        passwords = [urlsplit(url).password or "" for url in urls if url]
        found = (*(secret.get_secret_value() for secret in held), *passwords, *map(unquote, passwords))
        return tuple(dict.fromkeys(value for value in found if value))


class _WrongValueError(ValueError):
    """Why a value is refused. The text is the remedy and never holds the value of a secret."""


def read_settings(environ: Mapping[str, str], *, serving: bool = True) -> Settings:
    """The settings that the environment gives; an empty variable counts as unset.

    With ``serving`` the variables without which no webhook can be answered are required as well.
    Raises `ConfigurationError` with every mistake.
    """
    mistakes = _unknown(environ)
    values: dict[str, object] = {}
    given = set()
    for name, (field, read) in _VARIABLES.items():
        raw = environ.get(name, "").strip()
        if raw:
            given.add(name)
            try:
                values[field] = read(raw)
            except _WrongValueError as wrong:
                mistakes.append(Mistake(ENVIRONMENT, name, str(wrong)))
        elif serving and name in _REQUIRED:
            mistakes.append(Mistake(ENVIRONMENT, name, f"set it: {_REQUIRED[name]}"))
    mistakes += _account_mistakes(values) + _api_key_mistakes(values, given)
    if mistakes:
        raise ConfigurationError(mistakes)
    return Settings.model_validate({**values, "given": frozenset(given)})


def effective(settings: Settings) -> list[tuple[str, str, str]]:
    """Each variable's name, value to show (secrets masked), and source: ``default`` or ``environment``."""
    shown = {
        "CALLROUTER_PUBLIC_URL": settings.public_url or "(not set)",
        "CALLROUTER_REDIS_URL": _masked_url(settings.redis_url) or "(embedded engine)",
        "CALLROUTER_DATA_DIR": str(settings.data_dir),
        "CALLROUTER_DATABASE_URL": _masked_url(settings.database_url) or "(SQLite in the data folder)",
        "CALLROUTER_NUMBER_KEY": MASK if settings.number_key.get_secret_value() else "(number.key in the data folder)",
        "CALLROUTER_DIALPLANS": str(settings.dialplans),
        "CALLROUTER_BUYERS": str(settings.buyers),
        "CALLROUTER_API_TOKENS": _listed(f"{t.role}:{t.name}:{MASK}" for t in settings.api_tokens),
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid or "(not set)",
        "TWILIO_AUTH_TOKEN": MASK if settings.twilio_auth_token.get_secret_value() else "(not set)",
        "TWILIO_API_URL": settings.twilio_api_url,
        "TWILIO_API_KEY": settings.twilio_api_key or "(not set: no browser phones)",
        "TWILIO_API_SECRET": MASK if settings.twilio_api_secret.get_secret_value() else "(not set)",
        "TWILIO_SIGNING_KEYS": _listed(f"{key}:{MASK}" for key in settings.twilio_signing_keys),
    }
    return [(name, value, ENVIRONMENT if name in settings.given else "default") for name, value in shown.items()]


def ledger_setting(settings: Settings) -> str:
    """The variable that says where the ledger is: what to look at when it does not open."""
    return "CALLROUTER_DATABASE_URL" if settings.database_url else "CALLROUTER_DATA_DIR"


def warnings(settings: Settings) -> list[Mistake]:
    """What is allowed but unwise; ``check`` shows it and still succeeds."""
    found = []
    url = urlsplit(settings.public_url)
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        found.append(("CALLROUTER_PUBLIC_URL", "callers' data travels unencrypted over http; use https"))
    if not settings.api_tokens:
        found.append(("CALLROUTER_API_TOKENS", "none is set, so nobody can use the API or the console"))
    if (
        settings.database_url
        and not settings.database_url.startswith("sqlite")
        and "CALLROUTER_NUMBER_KEY" not in settings.given
    ):
        remedy = "set it to the same on every host that shares the database, or each hashes old numbers in its own way"
        found.append(("CALLROUTER_NUMBER_KEY", remedy))
    agents = {token.name for token in settings.api_tokens if token.role is Role.AGENT}
    for name in sorted({token.name for token in settings.api_tokens if token.role is not Role.AGENT} & agents):
        remedy = f"the agent {name} reaches what another role's {name} has opened; give each a name of its own"
        found.append(("CALLROUTER_API_TOKENS", remedy))
    return [Mistake(ENVIRONMENT, name, remedy) for name, remedy in found]


def _public_url(raw: str) -> str:
    url = _http_url(raw, example="https://calls.example.com")
    parts = urlsplit(url)
    if parts.query or parts.fragment or "?" in raw or "#" in raw:
        raise _WrongValueError("leave out everything from ? or # on")
    return url.rstrip("/")


def _http_url(raw: str, *, example: str) -> str:
    try:
        parts = urlsplit(raw)
        port_is_wrong = parts.port == 0
    except ValueError:
        raise _WrongValueError(f"write an absolute URL such as {example}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port_is_wrong or re.search(r"\s", raw):
        raise _WrongValueError(f"write an absolute URL such as {example}")
    if "@" in parts.netloc:
        raise _WrongValueError("leave the user name and password out of the URL")
    return raw


def _api_url(raw: str) -> str:
    return _http_url(raw, example=TWILIO_API_URL).rstrip("/")


def _url_of(*schemes: str, example: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        try:
            scheme = urlsplit(raw).scheme
        except ValueError:
            scheme = ""
        if scheme not in schemes or "://" not in raw:
            raise _WrongValueError(f"write a URL such as {example}")
        return raw

    return read


def _database_url(raw: str) -> str:
    url = _url_of(*_DATABASE_DRIVERS, example="postgresql://user:password@db.example/callrouter")(raw)
    driver = _DATABASE_DRIVERS[urlsplit(url).scheme]
    if importlib.util.find_spec(driver) is None:
        raise _WrongValueError(f"the driver {driver} is not installed; pip install {driver}")
    try:
        for host in urlsplit(url).netloc.rpartition("@")[2].split(","):  # PostgreSQL takes several
            urlsplit(f"//{host}").port  # noqa: B018 - reading it is the check
    except ValueError:
        raise _WrongValueError("write the port as a number up to 65535, and percent-encode the password") from None
    return url


def _number_key(raw: str) -> SecretStr:
    if len(raw) < MIN_NUMBER_KEY_LENGTH or not _TOKEN.fullmatch(raw):
        raise _WrongValueError(
            f"write at least {MIN_NUMBER_KEY_LENGTH} printable characters without spaces, such as openssl rand -hex 32"
        )
    return SecretStr(raw)


def _folder(raw: str) -> Path:
    path = Path(raw).expanduser()
    if path.exists() and not path.is_dir():
        raise _WrongValueError("name a folder; this is a file")
    return path


def _tokens(raw: str) -> tuple[ApiToken, ...]:
    tokens: list[ApiToken] = []
    wrong: list[str] = []
    for no, entry in enumerate(raw.split(","), 1):
        try:
            token = _token(entry.strip())
            if any(token.token == other.token for other in tokens):
                raise _WrongValueError("has the same token as an earlier entry")
            tokens.append(token)
        except _WrongValueError as error:
            wrong.append(f"entry {no} {error}")
    if wrong:
        raise _WrongValueError("; ".join(wrong))
    return tuple(tokens)


def _token(entry: str) -> ApiToken:
    role, _, rest = entry.partition(":")
    name, _, token = rest.partition(":")
    if role not in tuple(Role):
        raise _WrongValueError("must be role:name:token with role agent, ops or system")
    if not _NAME.fullmatch(name):
        raise _WrongValueError("needs a name of letters, digits, dot, dash or underscore, at most 40")
    if len(token) < MIN_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        raise _WrongValueError(f"needs a token of at least {MIN_TOKEN_LENGTH} printable characters without spaces")
    return ApiToken(role=Role(role), name=name, token=SecretStr(token))


def _signing_keys(raw: str) -> Mapping[str, SecretStr]:
    keys: dict[str, SecretStr] = {}
    for no, entry in enumerate(raw.split(","), 1):
        key, _, secret = entry.strip().partition(":")
        if not key or not secret:
            raise _WrongValueError(f"entry {no} must be key:secret")
        if key in keys:
            raise _WrongValueError(f"entry {no} names a key that an earlier entry has")
        keys[key] = SecretStr(secret)
    return keys


_VARIABLES: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "CALLROUTER_PUBLIC_URL": ("public_url", _public_url),
    "CALLROUTER_REDIS_URL": (
        "redis_url",
        _url_of("redis", "rediss", "unix", example="redis://engine.example:6379/0"),
    ),
    "CALLROUTER_DATA_DIR": ("data_dir", _folder),
    "CALLROUTER_DATABASE_URL": ("database_url", _database_url),
    "CALLROUTER_NUMBER_KEY": ("number_key", _number_key),
    "CALLROUTER_DIALPLANS": ("dialplans", _folder),
    "CALLROUTER_BUYERS": ("buyers", _folder),
    "CALLROUTER_API_TOKENS": ("api_tokens", _tokens),
    "TWILIO_ACCOUNT_SID": ("twilio_account_sid", str),
    "TWILIO_AUTH_TOKEN": ("twilio_auth_token", SecretStr),
    "TWILIO_API_URL": ("twilio_api_url", _api_url),
    "TWILIO_API_KEY": ("twilio_api_key", str),
    "TWILIO_API_SECRET": ("twilio_api_secret", SecretStr),
    "TWILIO_SIGNING_KEYS": ("twilio_signing_keys", _signing_keys),
}

_REQUIRED: Mapping[str, str] = {
    "CALLROUTER_PUBLIC_URL": "the base URL under which Twilio reaches this service, such as https://calls.example.com",
    "TWILIO_ACCOUNT_SID": "the account's SID, from the first page of Twilio's console",
    "TWILIO_AUTH_TOKEN": "the account's auth token, from the first page of Twilio's console",
}


def _unknown(environ: Mapping[str, str]) -> list[Mistake]:
    strange = [name for name in sorted(environ) if name.startswith(PREFIX) and name not in _VARIABLES]
    return [Mistake(ENVIRONMENT, name, f"there is no such setting; {_instead_of(name)}") for name in strange]


def _instead_of(name: str) -> str:
    # Without the prefix, which makes any two of them alike.
    own = {known.removeprefix(PREFIX): known for known in _VARIABLES if known.startswith(PREFIX)}
    near = difflib.get_close_matches(name.removeprefix(PREFIX), own, n=1, cutoff=NEAR)
    return f"did you mean {own[near[0]]}?" if near else f"unset it (known: {', '.join(sorted(own.values()))})"


def _account_mistakes(values: Mapping[str, object]) -> list[Mistake]:
    """Only Twilio's own ids have Twilio's form; another server behind ``TWILIO_API_URL`` has its own."""
    sid = values.get("twilio_account_sid")
    own = values.get("twilio_api_url", TWILIO_API_URL) == TWILIO_API_URL
    if not isinstance(sid, str) or (_TWILIO_ACCOUNT if own else _OTHER_ACCOUNT).fullmatch(sid):
        return []
    return [Mistake(ENVIRONMENT, "TWILIO_ACCOUNT_SID", "must be AC and 32 hexadecimal digits (not an API key, SK…)")]


def _api_key_mistakes(values: Mapping[str, object], given: Collection[str]) -> list[Mistake]:
    """An API key and its secret go together."""
    pair = ("TWILIO_API_KEY", "TWILIO_API_SECRET")
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    missing = [name for name in pair if name not in given and other[name] in given]
    found = [Mistake(ENVIRONMENT, name, f"set it too, or unset {other[name]}") for name in missing]
    key = values.get("twilio_api_key")
    own = values.get("twilio_api_url", TWILIO_API_URL) == TWILIO_API_URL
    if isinstance(key, str) and own and not _API_KEY.fullmatch(key):
        found.append(Mistake(ENVIRONMENT, "TWILIO_API_KEY", "must be SK and 32 hexadecimal digits, as Twilio shows it"))
    return found


def _masked_url(url: str | None) -> str | None:
    if url is None:
        return None
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    name, colon, _ = user.partition(":")
    query = f"?{MASK}" if "?" in path else ""
    shown_user = f"{name}:{MASK}" if colon else name
    return f"{scheme}://{shown_user}{at}{host}{slash}{path.partition('?')[0]}{query}"


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items) or "(none)"
