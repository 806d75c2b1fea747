"""What the bodies of all model types have in common: the model's address, unknown fields, usage in the answer."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.model_type import ModelType
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, JsonObject
from tenant_llm.surface.entrypoint import Call
from tenant_llm.surface.invalid import shortened

_ENVELOPE = ("llm_type", "llm_name", "request_id")

type Name = Annotated[str, Field(min_length=1)]


class Loose(BaseModel):
    """An object that may hold more than is named here: the rest is the provider's business.

    Schemas judge and change nothing: what goes on is the caller's own object. Numbers are numbers and not texts.
    """

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class InvocationBody(Loose):
    """Any model type's body: ``model`` is an address, a bare name, or absent for the tenant's default."""

    model: Name | None = None


def body_of(call: Call, model_type: ModelType) -> JsonObject:
    """The call's body in its HTTP shape: a direct event's ``llm_name`` is its ``model``.

    Raises:
        InvalidRequest: When a direct event is for another model type, or names two models.
    """
    if not call.direct:
        return call.body
    llm_type, llm_name = call.body.get("llm_type", model_type.value), call.body.get("llm_name")
    if llm_type != model_type.value:
        raise InvalidRequest(
            f"llm_type is {shortened(llm_type)}: this function serves {model_type.value!r}", param="llm_type"
        )
    body = {name: value for name, value in call.body.items() if name not in _ENVELOPE}
    if llm_name is None:
        return body
    if body.get("model", llm_name) != llm_name:
        raise InvalidRequest(
            f"llm_name is {shortened(llm_name)} and model is {shortened(body['model'])}: name one", param="llm_name"
        )
    return {**body, "model": llm_name}


def shape(value: Json) -> str | None:
    """The tag of a field that may be a text, a list or an object, for pydantic to judge it by that schema alone.

    Tags in angle brackets stay out of the path that an error names.
    """
    for kind, tag in ((str, "<text>"), (list, "<list>"), (dict, "<object>")):
        if isinstance(value, kind):
            return tag
    return None


def params(body: Mapping[str, Json], *own: str) -> JsonObject:
    """The fields of a body that have no place of their own; ``null`` is as good as nothing."""
    return {name: value for name, value in body.items() if name not in ("model", *own) and value is not None}


def more_usage(usage: Usage) -> JsonObject:
    """What a usage tells beyond OpenAI's fields: native units, and ``estimated`` only where it is so."""
    return {**usage.native, "estimated": True} if usage.estimated else dict(usage.native)
