"""Embeddings: https://cloud.baidu.com/doc/qianfan-api/s/Fm7u3ropn."""

from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.openai.embedding import parse
from tenant_llm.dialects.qianfan.place import named
from tenant_llm.dialects.vectors import texts
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts in OpenAI's words.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    texts(request)
    return named(openai.render(request, target), target)
