"""Embeddings: https://docs.ollama.com/api/embed."""

from tenant_llm.dialects.answers import a_count, a_text, an_object
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.fields import object_of
from tenant_llm.dialects.ollama.place import path, with_options
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import WireRequest, WireResponse

_DROPPED = ("encoding_format", "options", "user")


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts in one call; the server cuts what is too long for the model, unless ``truncate`` is false.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    options = object_of(request.params, "options")
    body = {
        **options,
        **{name: value for name, value in request.params.items() if name not in _DROPPED},
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "input": texts(request),
        "dimensions": request.dimensions,
    }
    target = with_options(target, tuple(options))
    return post_json(target, path(target, "embed"), body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors in the order of the inputs.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    answer = an_object(body)
    counted = a_count(answer.get("prompt_eval_count"))
    return EmbeddingResult(
        vectors=checked(answer.get("embeddings"), request),
        usage=None if counted is None else Usage(counted),
        model=a_text(answer.get("model")),
    )
