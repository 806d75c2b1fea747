"""Rerank: https://jina.ai/reranker/ (API), https://docs.together.ai/reference/rerank."""

from collections.abc import Callable

from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.jina.usage import rerank_usage
from tenant_llm.dialects.ranking import in_unit, ranked
from tenant_llm.domain.errors import MalformedAnswer
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "rerank"


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents; the documents are never asked back. The base URL may be the endpoint itself."""
    body = {
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "query": request.query,
        "documents": list(request.documents),
        "top_n": None if request.top_n is None else min(request.top_n, len(request.documents)),
        "return_documents": False,
    }
    return post_json(target, "" if target.config.base_url.rstrip("/").endswith("/" + PATH) else PATH, body)


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The ranking, by scores that the wire promises to be in [0, 1].

    Raises:
        MalformedAnswer: When a result is missing or points at no document of the request.
        ProviderError: When the answer is an error object.
    """
    return read(response, request, in_unit)


def read(response: WireResponse, request: RerankRequest, rule: Callable[[float], float]) -> RerankResult:
    """The ranking, by scores that follow the rule; see ``dialects.ranking``.

    Raises:
        MalformedAnswer: When a result is missing or points at no document of the request.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    if not isinstance(body, dict):
        raise MalformedAnswer(f"the provider's answer is no object: {response.content[:200]!r}")
    results = body["results"] if "results" in body else body.get("data")
    return RerankResult(
        ranked=ranked(results, request, rule, ("relevance_score", "score")),
        usage=rerank_usage(body),
        model=body.get("model") or "",
    )
