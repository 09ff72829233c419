"""What the partners' documents say, transcribed: one YAML file a partner, checked against sheets and exemplars."""

from pathlib import Path
from typing import Any

import yaml

HOME = Path(__file__).parent


def document(partner: str) -> dict[str, Any]:
    """The transcription of one partner's documents."""
    doc: dict[str, Any] = yaml.safe_load((HOME / f"{partner}.yaml").read_text())
    assert doc["partner"] == partner
    return doc


def partners() -> list[str]:
    """Every partner whose documents are here."""
    return sorted(path.stem for path in HOME.glob("*.yaml"))
