"""Packages from npm, for checks that only JavaScript's tools can make."""

import os
import subprocess
from pathlib import Path

from tests.support.prometheus import cannot_run, program

_SYSTEM_CAS = Path("/etc/ssl/certs/ca-certificates.crt")


def install(folder: Path, *packages: str) -> None:
    """Put the packages into ``folder``. Without npm or its registry the test is skipped, or fails where required."""
    environ = dict(os.environ)
    if _SYSTEM_CAS.exists():
        # Node trusts only the authorities that it brings along; the machine may stand behind one of its own.
        environ.setdefault("NODE_EXTRA_CA_CERTS", str(_SYSTEM_CAS))
    command = [program("npm"), "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(folder)]
    done = subprocess.run([*command, *packages], env=environ, capture_output=True, text=True, check=False, timeout=100)
    if done.returncode != 0:
        cannot_run(f"npm could not install {' '.join(packages)}: {done.stderr[-300:]}")
