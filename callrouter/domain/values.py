"""The base of every stored value."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value that can be stored as JSON.

    Unknown keys are ignored on reading: during a rolling restart an older instance reads what a newer one wrote.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
