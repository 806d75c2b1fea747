"""Embeddings: https://docs.voyageai.com/reference/embeddings-api."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.openai.embedding import parse
from tenant_llm.dialects.vectors import texts
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side they stand on; the dimensions are ``output_dimension`` here.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    body = {
        "input_type": request.purpose,
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": texts(request),
        "output_dimension": request.dimensions,
    }
    return post_json(target, openai.PATH, body)
