"""Chat: https://www.volcengine.com/docs/82379/1494384."""

from tenant_llm.dialects.openai import chat as openai
from tenant_llm.dialects.openai.chat import parse, parse_stream
from tenant_llm.dialects.volcengine.place import placed
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_stream", "render"]


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request in OpenAI's words, to the tenant's endpoint."""
    return placed(openai.render(request, target), target)
