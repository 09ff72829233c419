"""Settings from the environment."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from callrouter.errors import ConfigurationError
from callrouter.settings import Role, Settings, effective, read_settings, warnings

GOOD = {
    "CALLROUTER_PUBLIC_URL": "https://calls.example.com/base/",
    "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
    "TWILIO_AUTH_TOKEN": "auth-token-secret",
}
TOKENS = "ops:desk:ops-token-0123456789,agent:anna:agent-token-0123456"


def mistakes(environ: dict[str, str], *, serving: bool = True) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(environ, serving=serving)
    assert all(mistake.where == "environment" for mistake in caught.value.mistakes)
    return {mistake.key: mistake.remedy for mistake in caught.value.mistakes}


def test_the_least_environment_serves_with_the_documented_defaults() -> None:
    settings = read_settings(GOOD)
    assert settings.public_url == "https://calls.example.com/base"
    assert (settings.redis_url, settings.database_url) == (None, None)
    assert (str(settings.data_dir), str(settings.dialplans)) == ("var", "dialplans")
    assert settings.twilio_api_url == "https://api.twilio.com"
    assert settings.api_tokens == ()


@pytest.fixture
def postgresql_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were installed: here nothing connects."""
    driver = ModuleType("asyncpg")
    driver.__spec__ = ModuleSpec("asyncpg", None)
    monkeypatch.setitem(sys.modules, "asyncpg", driver)


@pytest.mark.usefixtures("postgresql_driver")
def test_every_variable_changes_its_setting(tmp_path: object) -> None:
    settings = read_settings(
        {
            **GOOD,
            "CALLROUTER_REDIS_URL": "redis://:pass-word-1@engine:6379/0",
            "CALLROUTER_DATA_DIR": str(tmp_path),
            "CALLROUTER_DATABASE_URL": "postgresql://me:pass-word-2@db/calls",
            "CALLROUTER_NUMBER_KEY": "number-key-0123456789-0123456789-0123",
            "CALLROUTER_DIALPLANS": "/elsewhere",
            "CALLROUTER_API_TOKENS": TOKENS,
            "TWILIO_API_URL": "http://127.0.0.1:8080/",
            "TWILIO_API_KEY": "SK" + "0b" * 16,
            "TWILIO_API_SECRET": "api-key-secret-1",
            "TWILIO_SIGNING_KEYS": "k1:signing-secret-1,k2:signing-secret-2",
        }
    )
    assert settings.redis_url == "redis://:pass-word-1@engine:6379/0"
    assert settings.database_url == "postgresql://me:pass-word-2@db/calls"
    assert (str(settings.data_dir), str(settings.dialplans)) == (str(tmp_path), "/elsewhere")
    assert [(token.role, token.name) for token in settings.api_tokens] == [(Role.OPS, "desk"), (Role.AGENT, "anna")]
    assert settings.api_tokens[0].token.get_secret_value() == "ops-token-0123456789"
    assert settings.twilio_api_url == "http://127.0.0.1:8080"
    assert settings.twilio_api_key == "SK" + "0b" * 16
    assert settings.twilio_api_secret.get_secret_value() == "api-key-secret-1"
    assert settings.twilio_signing_keys["k2"].get_secret_value() == "signing-secret-2"
    assert "number-key-0123456789-0123456789-0123" in settings.secrets
    assert "number-key" not in f"{effective(settings)} {settings!r}"


def test_a_key_for_numbers_is_long_and_wanted_where_hosts_share_a_ledger() -> None:
    def warned(**changes: str) -> list[str]:
        settings = read_settings({**GOOD, "CALLROUTER_API_TOKENS": TOKENS, **changes})
        return [mistake.key for mistake in warnings(settings)]

    short = mistakes({**GOOD, "CALLROUTER_NUMBER_KEY": "k" * 31})
    assert "at least 32" in short["CALLROUTER_NUMBER_KEY"]
    shared = {"CALLROUTER_DATABASE_URL": "postgresql://me:pass-word-2@db/calls"}
    assert warned(**shared) == ["CALLROUTER_NUMBER_KEY"]
    assert warned(**shared, CALLROUTER_NUMBER_KEY="k" * 32) == []
    assert warned() == warned(CALLROUTER_DATABASE_URL="sqlite:////data/calls.db") == []


def test_every_mistake_is_told_at_once() -> None:
    found = mistakes(
        {
            "CALLROUTER_PUBLC_URL": "https://x.example",
            "CALLROUTER_PUBLIC_URL": "x.example",
            "CALLROUTER_REDIS_URL": "engine:6379",
            "CALLROUTER_API_TOKENS": "boss:a:0123456789abcdef,ops:b:short",
            "TWILIO_ACCOUNT_SID": "SK" + "0a" * 16,
        }
    )
    assert "did you mean CALLROUTER_PUBLIC_URL?" in found["CALLROUTER_PUBLC_URL"]
    assert "absolute URL" in found["CALLROUTER_PUBLIC_URL"]
    assert "redis://" in found["CALLROUTER_REDIS_URL"]
    assert "entry 1" in found["CALLROUTER_API_TOKENS"]
    assert "entry 2" in found["CALLROUTER_API_TOKENS"]
    assert "AC" in found["TWILIO_ACCOUNT_SID"]
    assert found["TWILIO_AUTH_TOKEN"].startswith("set it")


@pytest.mark.parametrize(
    "url",
    [
        "calls.example.com",
        "ftp://calls.example.com",
        "https://",
        "https://me:secret@calls.example.com",
        "https://calls.example.com?x=1",
        "https://calls.example.com#x",
        "https://calls.example.com:99999",
        "https://calls .example.com",
        "https://[::1",
    ],
)
def test_a_public_url_that_the_carrier_could_not_use_is_refused(url: str) -> None:
    assert "CALLROUTER_PUBLIC_URL" in mistakes({**GOOD, "CALLROUTER_PUBLIC_URL": url})


def test_plain_http_is_taken_with_a_warning_except_on_loopback() -> None:
    def keys(url: str) -> list[str]:
        settings = read_settings({**GOOD, "CALLROUTER_PUBLIC_URL": url, "CALLROUTER_API_TOKENS": TOKENS})
        return [mistake.key for mistake in warnings(settings)]

    assert keys("http://calls.example.com") == ["CALLROUTER_PUBLIC_URL"]
    assert keys("http://127.0.0.1:8000") == []
    assert keys("https://calls.example.com") == []


def test_an_agent_with_the_name_of_another_role_is_taken_with_a_warning() -> None:
    def told(tokens: str) -> list[str]:
        settings = read_settings({**GOOD, "CALLROUTER_API_TOKENS": tokens})
        return [f"{mistake.key}: {mistake.remedy}" for mistake in warnings(settings)]

    (warning,) = told("agent:ann:0123456789abcdef,ops:ann:fedcba9876543210,agent:bob:0123456789fedcba")
    assert warning.startswith("CALLROUTER_API_TOKENS: the agent ann ")
    assert told("agent:ann:0123456789abcdef,agent:ann:fedcba9876543210,ops:olga:0123456789fedcba") == []


@pytest.mark.parametrize(
    "tokens",
    [
        "ops:a:0123456789abcde",
        "ops:a:0123456789abcdef,system:b:0123456789abcdef",
        "ops::0123456789abcdef",
        "ops:a:0123456789 abcdef",
        "0123456789abcdef",
        "ops:a:0123456789abcdef,",
    ],
)
def test_a_weak_or_ambiguous_token_is_refused_without_being_shown(tokens: str) -> None:
    remedy = mistakes({**GOOD, "CALLROUTER_API_TOKENS": tokens})["CALLROUTER_API_TOKENS"]
    assert "0123456789" not in remedy


def test_commands_that_do_not_serve_need_no_carrier() -> None:
    assert read_settings({}, serving=False).public_url == ""
    assert set(mistakes({})) == {"CALLROUTER_PUBLIC_URL", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"}


def test_an_empty_variable_counts_as_unset() -> None:
    assert read_settings({**GOOD, "CALLROUTER_REDIS_URL": " "}).redis_url is None


def test_another_carrier_server_may_have_other_account_ids() -> None:
    environ = {**GOOD, "TWILIO_ACCOUNT_SID": "d3b07384-d9a0-4c9b-8f3e-2f4b1c9e5a77"}
    assert "TWILIO_ACCOUNT_SID" in mistakes(environ)
    assert read_settings({**environ, "TWILIO_API_URL": "https://space.example/laml"}).twilio_account_sid


def test_an_api_key_and_its_secret_go_together() -> None:
    key = {"TWILIO_API_KEY": "SK" + "0b" * 16}
    assert mistakes({**GOOD, **key}) == {"TWILIO_API_SECRET": "set it too, or unset TWILIO_API_KEY"}
    secret = {"TWILIO_API_SECRET": "api-key-secret-1"}
    assert mistakes({**GOOD, **secret}) == {"TWILIO_API_KEY": "set it too, or unset TWILIO_API_SECRET"}
    assert read_settings(GOOD).twilio_api_key == ""


def test_an_account_is_not_taken_for_an_api_key() -> None:
    pair = {"TWILIO_API_KEY": "AC" + "0b" * 16, "TWILIO_API_SECRET": "api-key-secret-1"}
    assert set(mistakes({**GOOD, **pair})) == {"TWILIO_API_KEY"}
    assert read_settings({**GOOD, **pair, "TWILIO_API_URL": "https://space.example/laml"}).twilio_api_key


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: object) -> None:
    assert "CALLROUTER_DATA_DIR" in mistakes({**GOOD, "CALLROUTER_DATA_DIR": __file__})


def secretive() -> Settings:
    return read_settings(
        {
            **GOOD,
            "CALLROUTER_REDIS_URL": "rediss://user:p%40ssw0rd-1@engine:6379/0?client_name=x",
            "CALLROUTER_DATABASE_URL": "sqlite:////data/calls.db",
            "CALLROUTER_API_TOKENS": TOKENS,
            "TWILIO_API_KEY": "SK" + "0b" * 16,
            "TWILIO_API_SECRET": "api-key-secret-1",
            "TWILIO_SIGNING_KEYS": "k1:signing-secret-1",
        }
    )


SECRETS = ("api-key-secret-1", "auth-token-secret", "p%40ssw0rd-1", "ops-token", "agent-token", "signing-secret-1")


def test_no_secret_is_in_what_is_printed() -> None:
    settings = secretive()
    printed = f"{settings!r} {settings} {effective(settings)}"
    assert not [secret for secret in SECRETS if secret in printed]


def test_effective_values_name_their_source() -> None:
    rows = {name: (value, source) for name, value, source in effective(secretive())}
    assert rows["CALLROUTER_REDIS_URL"] == ("rediss://user:***@engine:6379/0?***", "environment")
    assert rows["CALLROUTER_DATABASE_URL"] == ("sqlite:////data/calls.db", "environment")
    assert rows["CALLROUTER_DATA_DIR"] == ("var", "default")
    assert rows["CALLROUTER_API_TOKENS"] == ("ops:desk:***, agent:anna:***", "environment")
    assert rows["TWILIO_AUTH_TOKEN"] == ("***", "environment")
    assert rows["TWILIO_API_SECRET"] == ("***", "environment")


def test_the_log_filter_is_told_every_secret() -> None:
    assert set(secretive().secrets) == {
        *("auth-token-secret", "api-key-secret-1", "signing-secret-1", "p%40ssw0rd-1", "p@ssw0rd-1"),
        *("ops-token-0123456789", "agent-token-0123456"),
    }


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
def test_a_database_whose_driver_is_not_installed_is_a_mistake(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    found = mistakes({"CALLROUTER_DATABASE_URL": f"{scheme}://me:pass-word-2@db/calls"}, serving=False)
    assert found == {"CALLROUTER_DATABASE_URL": "the driver asyncpg is not installed; pip install asyncpg"}


def test_each_url_has_an_example_of_its_own() -> None:
    found = mistakes(GOOD | {"TWILIO_API_URL": "twilio", "CALLROUTER_PUBLIC_URL": "calls"})
    assert found["TWILIO_API_URL"].endswith("such as https://api.twilio.com")
    assert found["CALLROUTER_PUBLIC_URL"].endswith("such as https://calls.example.com")


def test_another_name_is_proposed_only_when_it_is_close() -> None:
    found = mistakes({"CALLROUTER_PUBLIC_ULR": "x", "CALLROUTER_COLOUR": "x", "CALLROUTER_WORKERS": "x"}, serving=False)
    assert found["CALLROUTER_PUBLIC_ULR"] == "there is no such setting; did you mean CALLROUTER_PUBLIC_URL?"
    for name in ("CALLROUTER_COLOUR", "CALLROUTER_WORKERS"):
        assert "did you mean" not in found[name]
        assert "CALLROUTER_DATA_DIR, CALLROUTER_DIALPLANS" in found[name]
