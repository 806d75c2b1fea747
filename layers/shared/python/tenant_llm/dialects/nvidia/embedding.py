"""Embeddings, OpenAI's shape and a side: https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/reference.html."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.openai.embedding import parse
from tenant_llm.dialects.vectors import texts
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]

_SIDES = {"document": "passage", "query": "query"}


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side they stand on, which these models need to be told.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    body = {
        "input_type": _SIDES[request.purpose],
        "encoding_format": "float",
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": texts(request),
        "dimensions": request.dimensions,
    }
    return post_json(target, openai.PATH, body)
