"""What a service of the tests is told, and its dialplan on disk."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from callrouter.simulator.carrier import SimulatedCarrier
from callrouter.simulator.partners import SimulatedContactability, SimulatedDialler, SimulatedLmal
from tests.support.world import ACCOUNT_SID, AUTH_TOKEN


def service_environ(
    folder: Path,
    dialplan: Mapping[str, Any],
    carrier: SimulatedCarrier,
    lmal: SimulatedLmal,
    contactability: SimulatedContactability | None = None,
    dialler: SimulatedDialler | None = None,
) -> dict[str, str]:
    """The settings of a service on this data folder, with this one plan; all but its public address."""
    dialplans = folder / "dialplans"
    dialplans.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, and writes values that stand there twice out twice: a dialplan has no aliases.
    (dialplans / "auto.yaml").write_text(json.dumps(dict(dialplan)))
    environ = {
        "CALLROUTER_DATA_DIR": str(folder / "data"),
        "CALLROUTER_DIALPLANS": str(dialplans),
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_API_URL": carrier.rest_url,
        "LMAL_URL": lmal.url,
        "LMAL_PARTNERID": "P1",
        "LMAL_KEY": "lmal-key-of-tests",
    }
    if contactability is not None:
        environ |= {"CONTACTABILITY_URL": contactability.url, "CONTACTABILITY_TOKEN": "contactability-token"}
    if dialler is not None:
        environ |= {"DIALLER_URL": dialler.url, "DIALLER_KEY": "dialler-key-of-tests"}
    return environ
