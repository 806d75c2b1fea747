"""Chat: https://cloud.baidu.com/doc/qianfan-api/s/3m9b5lqft."""

from tenant_llm.dialects.openai import chat as openai
from tenant_llm.dialects.openai.chat import parse, parse_stream
from tenant_llm.dialects.qianfan.place import named
from tenant_llm.domain.chat import ChatRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_stream", "render"]


def render(request: ChatRequest, target: Target) -> WireRequest:
    """The request in OpenAI's words, with the tenant's key."""
    return named(openai.render(request, target), target)
