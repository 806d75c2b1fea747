"""Rerank: https://docs.cohere.com/reference/rerank."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.cohere.place import path
from tenant_llm.dialects.cohere.refusal import parse_error
from tenant_llm.dialects.jina.rerank import PATH, parse
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "parse_error", "render"]


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents, which this version never sends back; ``max_tokens_per_doc`` is the caller's to set."""
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "query": request.query,
        "documents": list(request.documents),
        "top_n": request.top_n,
    }
    return post_json(target, path(target, PATH), body)
