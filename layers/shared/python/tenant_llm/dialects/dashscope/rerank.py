"""Rerank: https://www.alibabacloud.com/help/en/model-studio/text-rerank-api."""

from tenant_llm.dialects.answers import a_count
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.dashscope.call import output_of, post
from tenant_llm.dialects.ranking import in_unit, ranked
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "api/v1/services/rerank/text-rerank/text-rerank"


def render(request: RerankRequest, target: Target) -> WireRequest:
    """Query and documents; ``return_documents`` is left at its default, which is not to repeat them."""
    parameters = {**request.params, "top_n": request.top_n}
    body = {
        "input": {"query": request.query, "documents": list(request.documents)},
        "parameters": apply_quirks(parameters, target.config.quirks),
    }
    return post(target, PATH, body)


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The scores, which this wire promises in [0, 1].

    Raises:
        MalformedAnswer: When the results are not understood or do not fit the request.
        ProviderError: When the answer is an error object.
    """
    output, usage = output_of(response)
    total = a_count(usage.get("total_tokens"))
    return RerankResult(
        ranked=ranked(output.get("results"), request, in_unit),
        usage=None if total is None else Usage(total),
    )
