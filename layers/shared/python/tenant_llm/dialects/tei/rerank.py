"""Rerank: https://huggingface.github.io/text-embeddings-inference/ (POST /rerank)."""

from tenant_llm.dialects.body import post_json
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.ranking import in_unit, ranked
from tenant_llm.dialects.tei.usage import usage_of
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and texts; the server is asked for its sigmoid, and ranks all texts whatever ``top_n``."""
    body = {
        **request.params,
        "query": request.query,
        "texts": list(request.documents),
        "raw_scores": False,
        "return_text": False,
    }
    return post_json(target, "rerank", body)


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The ranking, a bare list.

    Raises:
        MalformedAnswer: When a result is missing or points at no text of the request.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    return RerankResult(ranked(body, request, in_unit, ("score",)), usage_of(response.headers))
