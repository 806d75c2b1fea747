"""Rerank: https://docs.voyageai.com/reference/reranker-api."""

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.jina.rerank import PATH, parse
from tenant_llm.domain.rerank import RerankRequest
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest

__all__ = ["parse", "render"]


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents; how many to keep is ``top_k`` here."""
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "query": request.query,
        "documents": list(request.documents),
        "top_k": request.top_n,
        "return_documents": False,
    }
    return post_json(target, PATH, body)
