"""What a model is, as callers may see it: everything but its key."""

from pydantic import BaseModel, Field

from tenant_llm.domain.target import ModelConfig
from tenant_llm.domain.wire import JsonObject
from tenant_llm.surface.arguments import arguments
from tenant_llm.surface.entrypoint import Call


class ModelConfigCall(BaseModel):
    """Which model is meant: the named one, else the tenant's default of that type."""

    llm_type: str
    llm_name: str | None = Field(default=None, min_length=1, max_length=512)


def ask(call: Call) -> ModelConfigCall:
    """The question, from a query or a direct event.

    Raises:
        pydantic.ValidationError: When ``llm_type`` is missing, or a value is no text.
    """
    return ModelConfigCall.model_validate(arguments(call))


def render(config: ModelConfig) -> JsonObject:
    """The fields of ``get_model_config``, without ``api_key``: that one never leaves the layer.

    Returns:
        ``llm_factory``, ``llm_name``, ``api_base``, ``model_type``, ``max_tokens`` (tokens of the window, or of the
        longest input), ``is_tools`` (whether the model takes tools).
    """
    return {
        "llm_factory": config.factory,
        "llm_name": config.llm_name,
        "api_base": config.base_url,
        "model_type": config.model_type.value,
        "max_tokens": config.max_tokens,
        "is_tools": config.is_tools,
    }
