"""Embeddings, OpenAI's shape and a task: https://jina.ai/embeddings/ (API)."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.openai import embedding as openai
from tenant_llm.dialects.openai.embedding import parse
from tenant_llm.dialects.vectors import texts
from tenant_llm.domain.embedding import EmbeddingRequest
from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]

_TASKS = {"document": "retrieval.passage", "query": "retrieval.query"}


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the task of their side, as vectors of length 1; a task of the caller's own goes before.

    Models older than tasks drop the field by their profile.

    Raises:
        InvalidRequest: When an input is a list of token ids, or several vectors a text are asked for.
    """
    if request.params.get("return_multivector"):
        raise InvalidRequest("return_multivector: this service gives one vector a text", param="return_multivector")
    body = {
        "task": _TASKS[request.purpose],
        "normalized": True,
        "embedding_type": "float",
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": texts(request),
        "dimensions": request.dimensions,
    }
    return post_json(target, openai.PATH, body)
