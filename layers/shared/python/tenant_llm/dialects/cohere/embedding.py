"""Embeddings: https://docs.cohere.com/reference/embed."""

from collections.abc import Mapping

from tenant_llm.dialects.answers import a_count, an_object
from tenant_llm.dialects.body import post_json, wire_model
from tenant_llm.dialects.cohere.place import path
from tenant_llm.dialects.cohere.refusal import parse_error
from tenant_llm.dialects.errors import refuse_error_object
from tenant_llm.dialects.vectors import checked, texts
from tenant_llm.domain.embedding import EmbeddingRequest, EmbeddingResult
from tenant_llm.domain.target import Target
from tenant_llm.domain.usage import Usage
from tenant_llm.domain.wire import Json, WireRequest, WireResponse

__all__ = ["parse", "parse_error", "render"]

_SIDES = {"document": "search_document", "query": "search_query"}


def render(request: EmbeddingRequest, target: Target) -> WireRequest:
    """Texts with the side they stand on; a side or a type of vector of the caller's own goes before.

    Raises:
        InvalidRequest: When an input is a list of token ids.
    """
    body = {
        "input_type": _SIDES[request.purpose],
        "embedding_types": ["float"],
        **request.params,
        "model": wire_model(target.config.wire_name, target.config.quirks),
        "texts": texts(request),
        "output_dimension": request.dimensions,
    }
    return post_json(target, path(target, "embed"), body)


def parse(response: WireResponse, request: EmbeddingRequest, target: Target) -> EmbeddingResult:  # noqa: ARG001
    """The vectors: floats, or the first other type that the caller asked for.

    Raises:
        MalformedAnswer: When there is not one vector an input.
        ProviderError: When the answer is an error object.
    """
    body = response.json()
    refuse_error_object(body, response.headers)
    kinds = body.get("embeddings") if isinstance(body, dict) else None
    if isinstance(kinds, Mapping):
        kinds = kinds.get("float") or next(iter(kinds.values()), None)
    return EmbeddingResult(checked(kinds, request), _usage(body.get("meta")) if isinstance(body, dict) else None)


def _usage(meta: Json) -> Usage | None:
    for name in ("billed_units", "tokens"):
        count = a_count(an_object(an_object(meta).get(name)).get("input_tokens"))
        if count is not None:
            return Usage(count)
    return None
