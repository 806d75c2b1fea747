"""Rerank by logits: https://github.com/ggml-org/llama.cpp/tree/master/tools/server (POST /v1/rerank)."""

from tenant_llm.dialects.jina.rerank import read, render
from tenant_llm.dialects.ranking import sigmoid
from tenant_llm.domain.rerank import RerankRequest, RerankResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireResponse

__all__ = ["parse", "render"]


def parse(response: WireResponse, request: RerankRequest, target: Target) -> RerankResult:  # noqa: ARG001
    """The ranking; every score is a logit and becomes its probability.

    Raises:
        MalformedAnswer: When a result is missing or points at no document of the request.
        ProviderError: When the answer is an error object.
    """
    return read(response, request, sigmoid)
