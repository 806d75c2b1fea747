"""Usage told to us."""

from pydantic import BaseModel, Field, StrictInt

from tenant_llm.domain.model_type import ModelType
from tenant_llm.surface.arguments import read
from tenant_llm.surface.entrypoint import Call


class UsageCall(BaseModel):
    """Tokens that were used elsewhere. ``used_tokens`` is an integer: no bool, no float, no text.

    Its upper end keeps one wrong call from spoiling the counter: no model takes as many in a year.
    """

    llm_type: ModelType
    used_tokens: StrictInt = Field(ge=0, le=10**12)
    llm_name: str | None = Field(default=None, min_length=1, max_length=512)
    request_id: str | None = Field(default=None, min_length=1, max_length=512)


def ask(call: Call) -> UsageCall:
    """What is to be added.

    Raises:
        InvalidRequest: When a field is unknown.
        pydantic.ValidationError: When a field is missing or wrong.
    """
    return read(UsageCall, call.body)
