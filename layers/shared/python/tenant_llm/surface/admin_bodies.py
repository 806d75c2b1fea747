"""The bodies that an operator sends. An unknown field is an error: a misspelt one must not pass silently."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from tenant_llm.domain.budget import Budget, Period
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.tenant import DEFAULT_FIELDS
from tenant_llm.domain.trace import Content
from tenant_llm.domain.wire import Json
from tenant_llm.surface.arguments import read
from tenant_llm.surface.entrypoint import Call

# What stands in a direct event beside the body: over HTTP the path and the headers have it.
_BESIDE = {"request_id", "place"}


class TenantBody(BaseModel):
    """A tenant to create; without an id one is made."""

    name: str
    tenant_id: str | None = None


type Fallbacks = Annotated[list[Annotated[str, Field(min_length=1, max_length=512)]], Field(max_length=10)]


class FallbacksBody(BaseModel):
    """By default field the addresses to ask, in that order, where the default does not answer."""

    model_config = ConfigDict(extra="forbid")

    llm_id: Fallbacks | None = None
    embd_id: Fallbacks | None = None
    asr_id: Fallbacks | None = None
    img2txt_id: Fallbacks | None = None
    rerank_id: Fallbacks | None = None
    tts_id: Fallbacks | None = None


class DefaultsBody(BaseModel):
    """Addresses by default field; ``null`` clears, a field that is not there stays as it was."""

    llm_id: str | None = None
    embd_id: str | None = None
    asr_id: str | None = None
    img2txt_id: str | None = None
    rerank_id: str | None = None
    tts_id: str | None = None
    fallbacks: FallbacksBody | None = None

    def changes(self) -> dict[ModelType, str | None]:
        """The fields that were sent, by model type."""
        return {kind: getattr(self, name) for kind, name in DEFAULT_FIELDS.items() if name in self.model_fields_set}

    def fallback_changes(self) -> dict[ModelType, list[str]]:
        """The fallbacks that were sent, by model type; an empty list, or null, takes them away."""
        sent = self.fallbacks.model_fields_set if self.fallbacks else set()
        return {kind: getattr(self.fallbacks, name) or [] for kind, name in DEFAULT_FIELDS.items() if name in sent}


class _BodyWithKey(BaseModel):
    """A body with a key in it, maybe in the wrong place: no error quotes anything of it."""

    model_config = ConfigDict(hide_input_in_errors=True)


class ModelBody(_BodyWithKey):
    """A model to register. ``max_tokens`` and ``is_tools`` come from the catalogue where they are left out.

    ``api_key`` is a string or an object of strings; see ``key``.
    """

    llm_name: str
    llm_factory: str
    model_type: ModelType
    api_base: str | None = Field(default=None, max_length=2048)
    max_tokens: StrictInt | None = Field(default=None, ge=1, le=2**31)
    is_tools: StrictBool | None = None
    api_key: Json = None


class CredentialBody(_BodyWithKey):
    """A key: a string, or an object of the factory's credential fields; see ``key``."""

    api_key: Json


class BudgetBody(BaseModel):
    """Tokens a day or month, of one model by its address, else of all; ``hard`` or ``soft`` or both.

    The upper end is what DynamoDB's numbers add up exactly, and more than anybody uses.
    """

    model_config = ConfigDict(extra="forbid")

    period: Period
    hard: StrictInt | None = Field(default=None, ge=0, le=10**15)
    soft: StrictInt | None = Field(default=None, ge=0, le=10**15)
    model: str | None = Field(default=None, min_length=1, max_length=512)


class BudgetsBody(BaseModel):
    """All of a tenant's budgets; an empty list takes them away."""

    budgets: list[BudgetBody] = Field(max_length=100)

    def asked(self) -> list[Budget]:
        """The budgets."""
        return [Budget(one.period, one.hard, one.soft, one.model) for one in self.budgets]


class TracingBody(BaseModel):
    """What of inputs and outputs the tenant's Langfuse is told."""

    content: Content


class TokenBody(BaseModel):
    """A token to issue; without ``expires_in_days`` it lasts until it is revoked."""

    label: str
    expires_in_days: StrictInt | None = Field(default=None, ge=1, le=3650)


def ask[Body: BaseModel](schema: type[Body], call: Call) -> Body:
    """The body of a call; see ``arguments.read``."""
    beside = _BESIDE if call.direct else set()
    return read(schema, {name: value for name, value in call.body.items() if name not in beside})


def key(api_key: Json) -> str | dict[str, str]:
    """The key as it was sent, if it is of a kind that can be one.

    Raises:
        InvalidRequest: When it is neither a string nor an object of strings; the message says what it is, and no value.
    """
    if isinstance(api_key, str):
        return api_key
    if not isinstance(api_key, dict):
        raise InvalidRequest(f"api_key is a {type(api_key).__name__}: not a string or an object", param="api_key")
    for name, value in api_key.items():
        if not isinstance(value, str):
            raise InvalidRequest(f"api_key.{name} is a {type(value).__name__}: not a string", param=f"api_key.{name}")
    return api_key
