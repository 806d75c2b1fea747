"""Chat: https://openrouter.ai/docs/api-reference/chat-completion."""

from dataclasses import replace

from tenant_llm.dialects.openai import chat as openai
from tenant_llm.dialects.openai.chat import parse, parse_stream
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_stream", "render"]

_ORDER = "provider_order"


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request in OpenAI's words. Providers that stand with the tenant's key, and no others, may serve it.

    A caller that names providers itself has the last word.
    """
    wire = openai.render(request, target)
    names = [name.strip() for name in target.credential.fields.get(_ORDER, "").split(",") if name.strip()]
    if not names or "provider" in request.params:
        return wire
    return replace(wire, json={**(wire.json or {}), "provider": {"order": names, "allow_fallbacks": False}})
