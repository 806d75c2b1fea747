"""Embeddings: https://huggingface.github.io/text-embeddings-inference/ (POST /embed)."""

from tenant_llm.dialects.body import post_json
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.tei.usage import usage_of
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.wire import WireRequest, WireResponse


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts, as vectors of length 1. What is longer than the model reads is cut if the server was started so.

    A model's prompts have names that only its files tell, so a caller names the one for its side (``prompt_name``).

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    body = {"normalize": True, **request.params, "inputs": texts(request), "dimensions": request.dimensions}
    return post_json(target, "embed", body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors, a bare list.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    return EmbeddingResult(checked(body, request), usage_of(response.headers))
