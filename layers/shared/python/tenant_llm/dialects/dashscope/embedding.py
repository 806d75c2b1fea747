"""Embeddings: https://www.alibabacloud.com/help/en/model-studio/text-embedding-synchronous-api."""

from tenant_llm.dialects.answers import a_count, objects
from tenant_llm.dialects.body import apply_quirks
from tenant_llm.dialects.dashscope.call import output_of, post
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import WireRequest, WireResponse

PATH = "api/v1/services/embeddings/text-embedding/text-embedding"


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side of a search they stand on; quirks and the caller's own fields are about ``parameters``.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    parameters = {"text_type": request.purpose, **request.params, "dimension": request.dimensions}
    body = {"input": {"texts": texts(request)}, "parameters": apply_quirks(parameters, target.config.quirks)}
    return post(target, PATH, body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The dense vectors, in the order of the texts.

    Raises:
        MalformedAnswer: When there is not one vector a text.
        ProviderError: When the answer is an error object.
    """
    output, usage = output_of(response)
    items = sorted(objects(output.get("embeddings")), key=lambda item: a_count(item.get("text_index")) or 0)
    total = a_count(usage.get("total_tokens"))
    return EmbeddingResult(
        vectors=checked([item.get("embedding") for item in items], request),
        usage=None if total is None else Usage(total),
    )
