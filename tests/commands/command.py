"""The command as a person uses it: a process of its own, with an environment that holds nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.support.world import BUYERS, plan

HOME = str(Path(__file__).parents[2])

SECRETS = {
    "TWILIO_AUTH_TOKEN": "the-auth-token-of-twilio",
    "LMAL_KEY": "the-key-of-lmal",
    "CONTACTABILITY_TOKEN": "the-token-of-contactability",
    "DIALLER_KEY": "the-key-of-the-dialler",
}
API_TOKEN = "the-token-of-an-operator"
ENGINE_PASSWORD = "the-password-of-the-engine"


def environment(folder: Path) -> dict[str, str]:
    """Good settings of a service whose files are in ``folder``."""
    return {
        "CALLROUTER_PUBLIC_URL": "https://calls.example.com",
        "CALLROUTER_DATA_DIR": str(folder / "data"),
        "CALLROUTER_DIALPLANS": str(folder / "dialplans"),
        "CALLROUTER_API_TOKENS": f"ops:tests:{API_TOKEN}",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "LMAL_URL": "http://lmal.example/Ping_Partner_CR.php",
        "LMAL_PARTNERID": "P1",
        "CONTACTABILITY_URL": "https://contactability.example/api/v1/calls/ping?hash=the-key-in-a-url",
        "DIALLER_URL": "https://dialler.example",
        **SECRETS,
    }


def write_plan(folder: Path, **changes: object) -> None:
    """The tests' dialplan, with some keys changed, in ``folder/dialplans``."""
    (folder / "dialplans").mkdir(parents=True, exist_ok=True)
    whole = {**plan(), "buyers": BUYERS, **changes}
    (folder / "dialplans" / "auto.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))


def process_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """These variables, and what a process needs to run at all."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR") if name in os.environ}
    return {**kept, "PYTHONPATH": HOME, **environ}


def callrouter(*arguments: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "callrouter", *arguments],
        env=process_environment(environ),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def started(*arguments: str, environ: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start one command; what it prints goes to the file."""
    with output.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "callrouter", *arguments],
            env=process_environment(environ),
            stdout=out,
            stderr=out,
        )
